import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clusterConfig, retryPolicy, TestCluster } from '../testing/data-path.ts';
import { mayRetryNow, rateLimitedDelayMs, retriesFailure, retriesResponse, retryDelayMs } from './retry.ts';

describe('a retry policy', () => {
  const istio = retryPolicy({ on: { connectFailure: true, refusedStream: true, grpcStatuses: [14, 1] } });

  it('Istio’s default repeats what never reached the application, and no plain 503', () => {
    assert.equal(retriesFailure(istio, 'connect', false), true);
    assert.equal(retriesFailure(istio, 'connect-timeout', false), true);
    assert.equal(retriesFailure(istio, 'reset', true), false);
    assert.equal(retriesFailure(istio, 'per-try-timeout', true), false);
    assert.equal(retriesResponse(istio, 503, '', []), false);
    assert.equal(retriesResponse(istio, 200, '14', []), true);
    assert.equal(retriesResponse(istio, 200, '13', []), false);
    assert.equal(retriesResponse(istio, 200, '', []), false);
  });

  it('of 5xx and gateway-error counts a reset as the 503 it would become', () => {
    for (const on of [{ serverError5xx: true }, { gatewayError: true }, { reset: true }]) {
      assert.equal(retriesFailure(retryPolicy({ on }), 'reset', true), true);
    }
    assert.equal(retriesResponse(retryPolicy({ on: { gatewayError: true } }), 500, '', []), false);
    assert.equal(retriesResponse(retryPolicy({ on: { gatewayError: true } }), 504, '', []), true);
    assert.equal(retriesResponse(retryPolicy({ on: { serverError5xx: true } }), 500, '', []), true);
    assert.equal(retriesResponse(retryPolicy({ on: { retriable4xx: true } }), 409, '', []), true);
    assert.equal(retriesResponse(retryPolicy({ on: { retriable4xx: true } }), 404, '', []), false);
  });

  it('lists status codes, and knows whether the request was sent', () => {
    const listed = retryPolicy({ on: { retriableStatusCodes: true }, retriableStatusCodes: [418] });
    assert.equal(retriesResponse(listed, 418, '', []), true);
    assert.equal(retriesResponse(listed, 503, '', []), false);
    const before = retryPolicy({ on: { resetBeforeRequest: true } });
    assert.equal(retriesFailure(before, 'reset', false), true);
    assert.equal(retriesFailure(before, 'reset', true), false);
  });

  it('never repeats what a circuit breaker refused', () => {
    assert.equal(retriesFailure(retryPolicy({ on: { serverError5xx: true, reset: true } }), 'overflow', false), false);
  });

  it('backs off with full jitter up to its maximum', () => {
    const policy = retryPolicy({ on: {}, backoffBaseMs: 25, backoffMaxMs: 250 });
    const most = [1, 2, 3, 4, 50].map((n) => Math.round(retryDelayMs(policy, n, () => 0.9999999)));
    assert.deepEqual(most, [25, 75, 175, 250, 250]);
    assert.equal(
      retryDelayMs(policy, 3, () => 0),
      0,
    );
  });

  it('leaves who limits rates alone unless it says so, but not who is overloaded', () => {
    const on = retryPolicy({ on: { serverError5xx: true } });
    const limited = retryPolicy({ on: { envoyRateLimited: true } });
    assert.equal(retriesResponse(on, 503, '', ['x-envoy-overloaded', 'true']), true);
    assert.equal(retriesResponse(on, 503, '', ['x-envoy-ratelimited', 'true']), false);
    assert.equal(retriesResponse(limited, 429, '', ['x-envoy-ratelimited', 'true']), true);
    assert.equal(retriesResponse(limited, 429, '', []), false);
    assert.equal(
      retriesResponse(retryPolicy({ on: { envoyRateLimited: true, serverError5xx: true } }), 503, '', []),
      true,
    );
  });

  it('waits as the answer says, up to half as long again, unless it asks for too much or nothing', () => {
    const nowMs = 1_700_000_000_500;
    const policy = retryPolicy({
      on: {},
      rateLimitedBackoff: {
        headers: [
          { name: 'retry-after', format: 'seconds' },
          { name: 'x-ratelimit-reset', format: 'unix_timestamp' },
        ],
        maxMs: 10_000,
      },
    });
    const delay = (headers: string[], random = 0): number | null =>
      rateLimitedDelayMs(policy, headers, nowMs, () => random);
    assert.equal(delay(['retry-after', '3']), 3000);
    assert.equal(delay(['retry-after', '3'], 0.5), 3750);
    assert.equal(delay(['x-ratelimit-reset', '1700000004']), 4000);
    assert.equal(delay(['retry-after', '60', 'x-ratelimit-reset', '1700000004']), 4000);
    for (const value of ['0', '-1', '11', 'Wed, 21 Oct 2026 07:28:00 GMT', '']) {
      assert.equal(delay(['retry-after', value]), null, value);
    }
    assert.equal(delay(['x-ratelimit-reset', '1699999999']), null, 'it is over');
    assert.equal(delay([]), null);
    assert.equal(
      rateLimitedDelayMs(retryPolicy({ on: {} }), ['retry-after', '3'], nowMs, () => 0),
      null,
    );
  });

  it('may go on while the cluster’s budget, or else its limit, lasts', () => {
    const { limits } = clusterConfig('a', []);
    const retrying = (activeRequests: number, activeRetries: number, over: object): boolean =>
      mayRetryNow(
        Object.assign(new TestCluster(clusterConfig('a', [], { limits: { ...limits, ...over } })), {
          activeRequests,
          activeRetries,
        }),
      );
    const retryBudget = { percent: 20, minConcurrency: 3 };
    assert.equal(retrying(1, 2, { retryBudget }), true);
    assert.equal(retrying(1, 3, { retryBudget }), false);
    assert.equal(retrying(100, 19, { retryBudget, maxRetries: 0 }), true);
    assert.equal(retrying(100, 20, { retryBudget }), false);
    assert.equal(retrying(100, 4, { maxRetries: 5 }), true);
    assert.equal(retrying(100, 5, { maxRetries: 5 }), false);
  });
});
