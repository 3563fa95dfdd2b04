import type { HealthCheckConfig } from '@weft/traffic/health-check/health-check-config';

/** Every five seconds, two results in a row. */
export const checks = (over: Partial<HealthCheckConfig> = {}): HealthCheckConfig => ({
  probe: { kind: 'tcp', send: new Uint8Array(), receive: [] },
  timeoutMs: 1000,
  intervalMs: 5000,
  unhealthyIntervalMs: 5000,
  unhealthyEdgeIntervalMs: 5000,
  healthyEdgeIntervalMs: 5000,
  noTrafficIntervalMs: 5000,
  noTrafficHealthyIntervalMs: 5000,
  initialJitterMs: 0,
  intervalJitterMs: 0,
  intervalJitterPercent: 0,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  altPort: 0,
  ...over,
});
