import type {
  RetryPolicy as RetryPolicyJson,
  RetryPolicy_RateLimitedRetryBackOff,
} from '@weft/xds-api/gen/envoy/config/route/v3';
import type { HeaderMatcher } from '../header-matcher.ts';
import { parseRetryOn } from '../retry.ts';
import type { RetryPolicy } from '../route-table.ts';
import { fail } from './failure.ts';
import { at, durationMs, integer, oneOf, onlyKnown, required } from './fields.ts';
import { compileHeaderMatcher } from './string-matcher.ts';

const DEFAULT_BACKOFF_MS = 25;
const DEFAULT_RATE_LIMITED_MAX_MS = 300_000;

/**
 * Envoy's defaults: one retry, back-off from 25 ms to ten times the base. A policy that retries on nothing is none.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-retrypolicy
 */
export const compileRetryPolicy = (json: RetryPolicyJson, path: string): RetryPolicy | null => {
  onlyKnown(json, path, [
    'retryOn',
    'numRetries',
    'perTryTimeout',
    'retryHostPredicate',
    'hostSelectionRetryMaxAttempts',
    'retriableStatusCodes',
    'retryBackOff',
    'perTryIdleTimeout',
    'rateLimitedRetryBackOff',
    'retriableHeaders',
    'retriableRequestHeaders',
  ]);
  const numRetries = integer(json.numRetries, 1, at(path, 'numRetries'));
  const backoffBaseMs = durationMs(
    json.retryBackOff?.baseInterval,
    DEFAULT_BACKOFF_MS,
    at(path, 'retryBackOff.baseInterval'),
  );
  const backoffMaxMs = durationMs(
    json.retryBackOff?.maxInterval,
    backoffBaseMs * 10,
    at(path, 'retryBackOff.maxInterval'),
  );
  if (backoffMaxMs < backoffBaseMs) fail(at(path, 'retryBackOff.maxInterval'), 'is shorter than the base interval');
  const rateLimitedBackoff = rateLimited(json.rateLimitedRetryBackOff, at(path, 'rateLimitedRetryBackOff'));
  const matchers = (field: 'retriableHeaders' | 'retriableRequestHeaders'): HeaderMatcher[] =>
    (json[field] ?? []).map((matcher, i) => compileHeaderMatcher(matcher, at(at(path, field), i)));
  const retriableHeaders = matchers('retriableHeaders');
  const retriableRequestHeaders = matchers('retriableRequestHeaders');
  if (numRetries === 0) return null;
  return {
    numRetries,
    perTryTimeoutMs: durationMs(json.perTryTimeout, 0, at(path, 'perTryTimeout')),
    perTryIdleTimeoutMs: durationMs(json.perTryIdleTimeout, 0, at(path, 'perTryIdleTimeout')),
    on: parseRetryOn(json.retryOn ?? ''),
    retriableStatusCodes: [...(json.retriableStatusCodes ?? [])],
    retriableHeaders,
    retriableRequestHeaders,
    backoffBaseMs,
    backoffMaxMs,
    rateLimitedBackoff,
    hostSelectionAttempts: hostSelectionAttempts(json, path),
  };
};

const rateLimited = (
  json: RetryPolicy_RateLimitedRetryBackOff | undefined,
  path: string,
): RetryPolicy['rateLimitedBackoff'] => {
  if (!json) return null;
  onlyKnown(json, path, ['resetHeaders', 'maxInterval']);
  const headers = (json.resetHeaders ?? []).map((header, i) => {
    const here = at(at(path, 'resetHeaders'), i);
    onlyKnown(header, here, ['name', 'format']);
    const format = oneOf(header.format, 'SECONDS', ['SECONDS', 'UNIX_TIMESTAMP'], at(here, 'format'));
    return {
      name: required(header.name, at(here, 'name')).toLowerCase(),
      format: format === 'SECONDS' ? ('seconds' as const) : ('unix_timestamp' as const),
    };
  });
  if (headers.length === 0) fail(at(path, 'resetHeaders'), 'is required');
  return { headers, maxMs: durationMs(json.maxInterval, DEFAULT_RATE_LIMITED_MAX_MS, at(path, 'maxInterval')) };
};

/** The previous_hosts predicate is what makes Envoy pick again; without it the attempts mean nothing. */
const hostSelectionAttempts = (json: RetryPolicyJson, path: string): number => {
  const predicates = json.retryHostPredicate ?? [];
  for (const [i, predicate] of predicates.entries()) {
    const type = predicate.typedConfig?.['@type'] ?? predicate.name ?? '';
    if (!/previous_hosts/.test(type)) fail(at(at(path, 'retryHostPredicate'), i), `${type} is not supported`);
  }
  const attempts = integer(json.hostSelectionRetryMaxAttempts, 1, at(path, 'hostSelectionRetryMaxAttempts'));
  return predicates.length > 0 ? Math.max(1, attempts) : 0;
};
