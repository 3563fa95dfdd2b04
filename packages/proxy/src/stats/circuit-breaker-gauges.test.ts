import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterConfig, TestCluster } from '../testing/data-path.ts';
import { circuitBreakerGauges } from './circuit-breaker-gauges.ts';

const limits = {
  maxConnections: 2,
  maxPendingRequests: 3,
  maxRequests: 10,
  maxRetries: 4,
  retryBudget: null,
  maxRequestsPerConnection: 0,
};

test('circuit breakers say whether they are open, and what is left', () => {
  const cluster = new TestCluster(clusterConfig('a', [], { limits }));
  Object.assign(cluster, { activeConnections: 2, pendingRequests: 1, activeRequests: 9, activeRetries: 5 });
  assert.deepEqual(circuitBreakerGauges(cluster), {
    cx_open: 1,
    rq_pending_open: 0,
    rq_open: 0,
    rq_retry_open: 1,
    remaining_cx: 0,
    remaining_pending: 2,
    remaining_rq: 1,
    remaining_retries: 0,
  });
});

test('a retry budget grows with the requests under way', () => {
  const retryBudget = { percent: 25, minConcurrency: 1 };
  const cluster = new TestCluster(clusterConfig('a', [], { limits: { ...limits, retryBudget } }));
  assert.equal(circuitBreakerGauges(cluster).remaining_retries, 1);
  Object.assign(cluster, { activeRequests: 9, activeRetries: 1 });
  assert.equal(circuitBreakerGauges(cluster).remaining_retries, 1);
  assert.equal(circuitBreakerGauges(cluster).rq_retry_open, 0);
});
