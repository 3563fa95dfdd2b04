import { parseDurationMs, protoDuration } from '@weft/base/duration';
import type { HTTPRetry } from '@weft/model/kinds/http-route';
import type { RetryPolicy, RetryPolicy_RateLimitedRetryBackOff } from '@weft/xds-api/gen/envoy/config/route/v3';
import { extension } from '../typed.ts';

/** Never a plain 503: older Istio repeated POSTs that way. */
const DEFAULT_RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled';
const DEFAULT_ATTEMPTS = 2;

/** A retry looks for a host that the request has not tried, in at most so many picks. */
const avoidTriedHosts = {
  retryHostPredicate: [
    extension(
      'envoy.retry_host_predicates.previous_hosts',
      'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      {},
    ),
  ],
  hostSelectionRetryMaxAttempts: '5',
};

/** An answer that is repeated may say when. One that says later than this is repeated after the usual back-off. */
const asTheAnswerSays: RetryPolicy_RateLimitedRetryBackOff = {
  resetHeaders: [
    { name: 'retry-after', format: 'SECONDS' },
    { name: 'x-ratelimit-reset', format: 'UNIX_TIMESTAMP' },
  ],
  maxInterval: '10s',
};

/** What holds where nothing is said. https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry */
export const defaultRetry: RetryPolicy = {
  retryOn: DEFAULT_RETRY_ON,
  numRetries: DEFAULT_ATTEMPTS,
  ...avoidTriedHosts,
};

/** `attempts: 0`, and `retries` without attempts as proto3 reads it, mean none. */
export const retryPolicy = (retries: HTTPRetry | undefined): RetryPolicy | undefined => {
  if (!retries) return defaultRetry;
  if (!retries.attempts) return undefined;
  const perTryTimeoutMs = parseDurationMs(retries.perTryTimeout ?? '0s') ?? 0;
  const backoffMs = parseDurationMs(retries.backoff ?? '0s') ?? 0;
  return {
    ...retryOn(retries.retryOn || DEFAULT_RETRY_ON),
    numRetries: retries.attempts,
    ...(perTryTimeoutMs > 0 && { perTryTimeout: protoDuration(perTryTimeoutMs) }),
    ...(backoffMs > 0 && { retryBackOff: { baseInterval: protoDuration(backoffMs) } }),
    rateLimitedRetryBackOff: asTheAnswerSays,
    ...(retries.retryIgnorePreviousHosts !== false && avoidTriedHosts),
  };
};

/** Numbers among the conditions are status codes, which Envoy takes apart: `5xx,418`. */
const retryOn = (text: string): Pick<RetryPolicy, 'retryOn' | 'retriableStatusCodes'> => {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const codes = parts.filter((part) => /^\d+$/.test(part)).map(Number);
  const conditions = parts.filter((part) => !/^\d+$/.test(part));
  if (codes.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { retryOn: conditions.join(','), ...(codes.length > 0 && { retriableStatusCodes: codes }) };
};
