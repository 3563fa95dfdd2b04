import type { Random } from '@weft/base/random';
import type { ConnectionView, RequestView } from '@weft/traffic/request';
import { headerValue } from '@weft/traffic/request';
import type { RetryPolicy } from '@weft/traffic/route-table';
import type { Cluster } from '../context.ts';
import { retryLimit } from '../stats/circuit-breaker-gauges.ts';

/** How an attempt failed without a response. */
export type AttemptFailure = 'connect' | 'connect-timeout' | 'overflow' | 'reset' | 'refused' | 'per-try-timeout';

/**
 * Whether the policy repeats after such a failure. As Envoy's router: `5xx` and `gateway-error` count a reset as the
 * 503 it would become, an open circuit breaker is never retried.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
 */
export const retriesFailure = (policy: RetryPolicy, failure: AttemptFailure, requestSent: boolean): boolean => {
  const { on } = policy;
  if (failure === 'overflow') return false;
  if (on.reset || on.serverError5xx || on.gatewayError) return true;
  if (on.resetBeforeRequest && !requestSent) return true;
  if (failure === 'refused') return on.refusedStream;
  return on.connectFailure && (failure === 'connect' || failure === 'connect-timeout');
};

/**
 * Whether the policy repeats after such a response; `grpcStatus` empty unless the head carries one. Who limits rates is
 * left alone unless the policy says otherwise. Who says `x-envoy-overloaded` is asked again, as by Envoy 1.40.
 */
export const retriesResponse = (
  policy: RetryPolicy,
  status: number,
  grpcStatus: string,
  headers: readonly string[],
): boolean => {
  const { envoyRateLimited } = policy.on;
  if (!envoyRateLimited && !answersCondition(policy, status, grpcStatus, headers)) return false;
  const limited = headerValue(headers, 'x-envoy-ratelimited') !== undefined;
  return limited ? envoyRateLimited : !envoyRateLimited || answersCondition(policy, status, grpcStatus, headers);
};

const answersCondition = (
  policy: RetryPolicy,
  status: number,
  grpcStatus: string,
  headers: readonly string[],
): boolean => {
  const { on } = policy;
  if (on.serverError5xx && status >= 500 && status <= 599) return true;
  if (on.gatewayError && status >= 502 && status <= 504) return true;
  if (on.retriable4xx && status === 409) return true;
  if (on.retriableStatusCodes && policy.retriableStatusCodes.includes(status)) return true;
  if (on.retriableHeaders && policy.retriableHeaders.some((matcher) => matcher.matches(responseView(headers)))) {
    return true;
  }
  return grpcStatus !== '' && on.grpcStatuses.includes(Number(grpcStatus));
};

/** Header matchers look at requests; of a response they see the headers. */
const responseView = (headers: readonly string[]): RequestView => ({
  method: '',
  path: '',
  authority: '',
  scheme: 'http',
  headers,
  connection: noConnection,
});

const noConnection: ConnectionView = {
  sourceAddress: '',
  sourcePort: 0,
  destinationAddress: '',
  destinationPort: 0,
  mtls: false,
  peerPrincipal: '',
  sni: '',
};

/** Whether such a request is repeated at all. */
export const retriesRequest = (policy: RetryPolicy, request: RequestView): boolean =>
  policy.retriableRequestHeaders.length === 0 ||
  policy.retriableRequestHeaders.some((matcher) => matcher.matches(request));

/**
 * Whether the cluster's circuit breaker takes another retry: by its budget, a share of the requests in flight and
 * waiting, else by its number.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/circuit_breaker.proto
 */
export const mayRetryNow = (cluster: Cluster): boolean => cluster.activeRetries < retryLimit(cluster);

/**
 * The back-off that the response asks for (`retry-after` and the like), and up to half of it more; null where it asks
 * for none or for too much. `nowMs`: wall clock.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#rate-limited-retries
 */
export const rateLimitedDelayMs = (
  policy: RetryPolicy,
  headers: readonly string[],
  nowMs: number,
  random: Random,
): number | null => {
  const backoff = policy.rateLimitedBackoff;
  if (backoff === null) return null;
  for (const { name, format } of backoff.headers) {
    const text = headerValue(headers, name)?.trim() ?? '';
    if (!/^\d{1,15}$/.test(text)) continue;
    // A second of Unix time has begun when the wall clock shows it.
    const ms = format === 'seconds' ? Number(text) * 1000 : (Number(text) - Math.floor(nowMs / 1000)) * 1000;
    if (ms <= 0 || ms > backoff.maxMs) continue;
    return ms * (1 + random() / 2);
  }
  return null;
};

/** Full jitter: uniform in [0, min(max, base · (2ⁿ − 1))), n counting retries from 1. Envoy's back-off. */
export const retryDelayMs = (policy: RetryPolicy, retry: number, random: Random): number =>
  random() * Math.min(policy.backoffMaxMs, policy.backoffBaseMs * (2 ** Math.min(retry, 20) - 1));
