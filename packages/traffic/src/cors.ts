import { headerValue, type RequestView } from './request.ts';
import type { StringMatcher } from './string-matcher.ts';

/**
 * What scripts of other origins may ask of a route, as Envoy's cors filter enforces it. Empty texts send no header; `*`
 * for methods or headers repeats what the preflight asked for.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/cors_filter
 */
export interface CorsPolicy {
  readonly origins: readonly StringMatcher[];
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  /** Seconds. */
  readonly maxAge: string;
  readonly allowCredentials: boolean;
  readonly allowPrivateNetwork: boolean;
  /** Preflights of an origin that is not allowed go on to the service, which may know better. */
  readonly forwardsUnmatchedPreflights: boolean;
  /** Share of requests, in [0, 1], that the policy is for. */
  readonly share: number;
}

/** The request's origin if it is allowed; empty if it is not; null without an origin: no business of CORS. */
export const allowedOrigin = (policy: CorsPolicy, request: RequestView): string | null => {
  const origin = headerValue(request.headers, 'origin');
  if (!origin) return null;
  // A matcher that takes `*` takes any origin.
  return policy.origins.some((matcher) => matcher.matches('*') || matcher.matches(origin)) ? origin : '';
};

/** A question of the browser's, before the request itself (https://fetch.spec.whatwg.org/#cors-preflight-request). */
export const isPreflight = (request: RequestView): boolean =>
  request.method === 'OPTIONS' && !!headerValue(request.headers, 'access-control-request-method');

/** Headers of the answer to a preflight, flat; `origin` as `allowedOrigin` said. */
export const preflightHeaders = (policy: CorsPolicy, request: RequestView, origin: string): string[] => {
  const headers: string[] = [];
  const add = (name: string, value: string | undefined): void => {
    if (value) headers.push(name, value);
  };
  const asked = (name: string): string | undefined => headerValue(request.headers, name);
  add('access-control-allow-origin', origin);
  if (policy.allowCredentials) add('access-control-allow-credentials', 'true');
  const { allowMethods, allowHeaders } = policy;
  add('access-control-allow-methods', allowMethods === '*' ? asked('access-control-request-method') : allowMethods);
  add('access-control-allow-headers', allowHeaders === '*' ? asked('access-control-request-headers') : allowHeaders);
  add('access-control-max-age', policy.maxAge);
  if (policy.allowPrivateNetwork && asked('access-control-request-private-network') === 'true')
    add('access-control-allow-private-network', 'true');
  return headers;
};

/** What each response to an allowed origin says, in place of what the service said of it. */
export const applyCors = (policy: CorsPolicy, origin: string, headers: string[]): void => {
  set(headers, 'access-control-allow-origin', origin);
  if (policy.allowCredentials) set(headers, 'access-control-allow-credentials', 'true');
  if (policy.exposeHeaders !== '') set(headers, 'access-control-expose-headers', policy.exposeHeaders);
};

const set = (headers: string[], name: string, value: string): void => {
  for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i] === name) headers.splice(i, 2);
  headers.push(name, value);
};
