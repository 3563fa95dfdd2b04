import { checkL4Routes } from './check-l4-routes.ts';
import { formatPath, type Issue, showValue } from './issue.ts';
import { checkHttpRule } from './check-http-rule.ts';
import { hostProblem } from './kinds/host-name.ts';
import type { Headers, HTTPRoute } from './kinds/http-route.ts';
import type { StringMatch } from './kinds/string-match.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import { hostCovers } from './host.ts';
import type { FieldPath } from './manifest-file.ts';
import { regexProblem } from './regex-problem.ts';

/** What a schema cannot say of a VirtualService: https://istio.io/latest/docs/reference/config/networking/virtual-service/ */
export const checkVirtualService = (spec: VirtualService): Issue[] => {
  const issues: Issue[] = [];
  const say = (path: FieldPath, message: string, hint = '', error: Issue['error'] = 'invalidValue'): void => {
    issues.push({ error, level: 'error', path, message: `${formatPath(path)} ${message}`, hint });
  };
  checkHosts(spec, say);
  if (!spec.http?.length && !spec.tls?.length && !spec.tcp?.length)
    say(['spec'], 'has no routes', 'write http, tls or tcp', 'missingField');
  spec.http?.forEach((route, i) => checkRoute(route, spec, ['spec', 'http', i], say));
  for (const kind of ['tls', 'tcp'] as const)
    spec[kind]?.forEach((route, i) => checkDestinations(route.route, ['spec', kind, i, 'route'], say));
  issues.push(...checkL4Routes(spec));
  return issues;
};

type Say = (path: FieldPath, message: string, hint?: string, error?: Issue['error']) => void;

const checkHosts = (spec: VirtualService, say: Say): void => {
  const hosts = spec.hosts ?? [];
  if (hosts.length === 0) {
    if (spec.tcp?.length) say(['spec', 'tcp'], 'is not allowed without hosts');
    if (spec.tls?.length) say(['spec', 'tls'], 'is not allowed without hosts');
    if (spec.gateways?.length) say(['spec', 'gateways'], 'is not allowed without hosts');
  }
  const seen = new Set<string>();
  const wildcards: string[] = [];
  hosts.forEach((host, i) => {
    const path = ['spec', 'hosts', i];
    const problem = hostProblem(host);
    if (problem) say(path, `is ${showValue(host)}, which ${problem}`);
    const same = seen.has(host) ? host : wildcards.find((other) => other !== '*' && hostCovers(other, host));
    if (same) say(path, `is ${showValue(host)}, which ${showValue(same)} covers already`);
    seen.add(host);
    if (host.startsWith('*')) wildcards.push(host);
  });
  hosts.forEach((host, i) => {
    const later = wildcards.find((w) => w !== '*' && hosts.indexOf(w) > i && hostCovers(w, host));
    if (later) say(['spec', 'hosts', i], `is ${showValue(host)}, which ${showValue(later)} covers too`);
  });
};

const ACTIONS = ['route', 'redirect', 'directResponse', 'delegate'] as const;

const checkRoute = (route: HTTPRoute, spec: VirtualService, path: FieldPath, say: Say): void => {
  const has = ACTIONS.filter((action) => (action === 'route' ? route.route?.length : route[action]));
  if (has.length === 0) say(path, 'does nothing', 'write route, redirect or directResponse', 'missingField');
  if (has.length > 1) say([...path, has[1] as string], `is not allowed beside ${has[0]}`);
  if (route.delegate && !spec.hosts?.length)
    say([...path, 'delegate'], 'is not allowed without hosts: a delegate does not delegate again');
  checkDestinations(route.route ?? [], [...path, 'route'], say);
  checkMatches(route, spec, path, say);
  checkRetries(route, path, say);
  checkHttpRule(route, path, say);
  checkHeaders(route.headers, [...path, 'headers'], say);
  route.route?.forEach((destination, i) => checkHeaders(destination.headers, [...path, 'route', i, 'headers'], say));
  const { redirect, rewrite, headers } = route;
  if (redirect) {
    if (rewrite) say([...path, 'rewrite'], 'is not allowed beside redirect');
    if (Object.keys(redirect).every((key) => key === 'redirectCode'))
      say([...path, 'redirect'], 'is empty', 'write uri, authority, port, scheme or prefixRewrite', 'missingField');
    if (redirect.redirectCode !== undefined && ![301, 302, 303, 307, 308].includes(redirect.redirectCode))
      say([...path, 'redirect', 'redirectCode'], `is ${redirect.redirectCode}, must be one of 301, 302, 303, 307, 308`);
    if (redirect.uri !== undefined && redirect.prefixRewrite !== undefined)
      say([...path, 'redirect', 'prefixRewrite'], 'is not allowed beside uri');
  }
  if (rewrite && Object.keys(rewrite).length === 0)
    say([...path, 'rewrite'], 'is empty', 'write uri, authority or uriRegexRewrite', 'missingField');
  if (rewrite?.authority !== undefined && headers?.request?.set?.[':authority'] !== undefined)
    say([...path, 'headers', 'request', 'set', ':authority'], 'is not allowed beside rewrite.authority');
};

const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;

/** What Envoy refuses. Of the pseudo-headers only the authority can be set, and only on requests. */
const checkHeaders = (headers: Headers | undefined, path: FieldPath, say: Say): void => {
  for (const [direction, operations] of Object.entries(headers ?? {})) {
    for (const operation of ['set', 'add'] as const)
      for (const [name, value] of Object.entries(operations?.[operation] ?? {})) {
        const at = [...path, direction, operation, name];
        const settable = direction === 'request' && operation === 'set' && isAuthority(name);
        if (!settable && (!HEADER_NAME.test(name) || isAuthority(name))) say(at, 'is not a header that can be changed');
        if (/[\r\n\0]/.test(value)) say(at, `is ${showValue(value)}, must be one line`);
      }
    operations?.remove?.forEach((name, i) => {
      if (!HEADER_NAME.test(name) || isAuthority(name))
        say([...path, direction, 'remove', i], `is ${showValue(name)}, which is not a header that can be removed`);
    });
  }
};

const isAuthority = (name: string): boolean => /^(:authority|host)$/i.test(name);

interface Weighted {
  readonly destination: { readonly host: string };
  readonly weight?: number | undefined;
}

const checkDestinations = (destinations: readonly Weighted[], path: FieldPath, say: Say): void => {
  destinations.forEach(({ destination: { host } }, i) => {
    const problem = hostProblem(host) ?? (host === '*' ? 'is no destination' : undefined);
    if (problem) say([...path, i, 'destination', 'host'], `is ${showValue(host)}, which ${problem}`);
  });
  if (destinations.length < 2) return;
  if (destinations.every((d) => d.weight === undefined))
    say(path, `has ${destinations.length} destinations and no weights`, 'write a weight for each', 'missingWeights');
  else if (destinations.every((d) => !d.weight)) say(path, 'has weights of 0 only');
};

const checkMatches = (route: HTTPRoute, spec: VirtualService, path: FieldPath, say: Say): void => {
  const onGateway = spec.gateways?.some((name) => name !== 'mesh');
  route.match?.forEach((match, i) => {
    const at = [...path, 'match', i];
    const check = (m: StringMatch | undefined, ...field: string[]): void => {
      const problem = m?.regex === undefined ? undefined : regexProblem(m.regex);
      if (problem) say([...at, ...field, 'regex'], `is ${showValue(m?.regex)}, ${problem}`);
    };
    for (const field of ['uri', 'scheme', 'method', 'authority'] as const) check(match[field], field);
    for (const field of ['headers', 'withoutHeaders', 'queryParams'] as const)
      for (const [name, m] of Object.entries(match[field] ?? {})) {
        check(m, field, name);
        if (name.startsWith('@request.auth.claims') && !onGateway)
          say([...at, field, name], 'is a claim of a token, which only gateways match');
      }
  });
};

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on */
const RETRY_ON = new Set(
  [
    '5xx gateway-error reset reset-before-request connect-failure envoy-ratelimited',
    'retriable-4xx refused-stream retriable-status-codes retriable-headers http3-post-connect-failure',
    'cancelled deadline-exceeded internal resource-exhausted unavailable',
  ].flatMap((line) => line.split(' ')),
);

const checkRetries = ({ retries }: HTTPRoute, path: FieldPath, say: Say): void => {
  if (!retries) return;
  const at = [...path, 'retries'];
  if (!retries.attempts && (retries.perTryTimeout !== undefined || retries.retryOn))
    say(
      [...at, 'attempts'],
      `is ${retries.attempts ?? 'missing, which means 0'}: no retries, and nothing for perTryTimeout and retryOn to do`,
      'write attempts',
    );
  for (const condition of retries.retryOn?.split(',').map((c) => c.trim()) ?? [])
    if (condition && !RETRY_ON.has(condition) && !/^[1-5]\d\d$/.test(condition))
      say([...at, 'retryOn'], `has ${showValue(condition)}, which is neither a retry condition nor a status`);
};
