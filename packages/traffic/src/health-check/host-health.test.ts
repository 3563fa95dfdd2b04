import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthCheckConfig } from './health-check-config.ts';
import { type CheckResult, HostHealth, nextCheckMs } from './host-health.ts';

const config: HealthCheckConfig = {
  probe: { kind: 'tcp', send: new Uint8Array(), receive: [] },
  timeoutMs: 1,
  intervalMs: 10,
  unhealthyIntervalMs: 20,
  unhealthyEdgeIntervalMs: 30,
  healthyEdgeIntervalMs: 40,
  noTrafficIntervalMs: 50,
  noTrafficHealthyIntervalMs: 60,
  initialJitterMs: 0,
  intervalJitterMs: 0,
  intervalJitterPercent: 0,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  altPort: 0,
};

/** After each check: is the host well, and when is the next? */
const after = (results: readonly CheckResult[], used = true): [boolean, number][] => {
  const health = new HostHealth();
  return results.map((result) => {
    health.checked(result, config);
    return [health.healthy, nextCheckMs(config, health, used)];
  });
};

test('the first success makes a host healthy, whatever the threshold', () => {
  assert.deepEqual(after(['success', 'success']), [
    [true, 10],
    [true, 10],
  ]);
});

test('network failures and retriable answers count up to the threshold, a success between begins anew', () => {
  assert.deepEqual(after(['success', 'network', 'retriable', 'success', 'network', 'network', 'network', 'network']), [
    [true, 10],
    [true, 30],
    [true, 30],
    [true, 10],
    [true, 30],
    [true, 30],
    [false, 20],
    [false, 20],
  ]);
});

test('an answer that says no makes a host unhealthy at once', () => {
  assert.deepEqual(after(['success', 'failure'])[1], [false, 20]);
});

test('a host that failed is healthy again after as many successes as the threshold says', () => {
  assert.deepEqual(after(['network', 'success', 'network', 'success', 'success']), [
    [false, 20],
    [false, 40],
    [false, 20],
    [false, 40],
    [true, 10],
  ]);
});

test('without traffic checks are rare', () => {
  assert.deepEqual(after(['success', 'failure'], false), [
    [true, 60],
    [false, 50],
  ]);
});
