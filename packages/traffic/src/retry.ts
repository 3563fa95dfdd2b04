import type { RetryOn } from './route-table.ts';

const grpcNames: Readonly<Record<string, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
};

/**
 * `x-envoy-retry-on` and `x-envoy-retry-grpc-on` in one list, as `retry_on` has them. Unknown words are ignored, as in
 * Envoy. https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
 */
export const parseRetryOn = (text: string): RetryOn => {
  const words = new Set(text.split(',').map((word) => word.trim()));
  return {
    serverError5xx: words.has('5xx'),
    gatewayError: words.has('gateway-error'),
    reset: words.has('reset'),
    resetBeforeRequest: words.has('reset-before-request'),
    connectFailure: words.has('connect-failure'),
    refusedStream: words.has('refused-stream'),
    retriable4xx: words.has('retriable-4xx'),
    retriableStatusCodes: words.has('retriable-status-codes'),
    retriableHeaders: words.has('retriable-headers'),
    envoyRateLimited: words.has('envoy-ratelimited'),
    grpcStatuses: [...words].flatMap((word) => grpcNames[word] ?? []),
  };
};
