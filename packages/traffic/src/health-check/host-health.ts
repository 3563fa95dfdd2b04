import type { HealthCheckConfig } from './health-check-config.ts';

/** How one check ended. `network`: no answer in time, or none at all; `retriable`: an answer that may be a passing trouble. */
export type CheckResult = 'success' | 'failure' | 'network' | 'retriable';

/**
 * Whether a host is well, by its checks. It is not before the first of them, which decides alone if it succeeds; later as
 * many as the thresholds say must agree, but an answer that says "not well" counts at once. Envoy's
 * HealthCheckerImplBase. Which interval follows is told by `pending`: the thresholds are being counted.
 */
export class HostHealth {
  healthy = false;
  #first = true;
  #failures = 0;
  #successes = 0;
  pending = false;

  /** True if `healthy` has changed. */
  checked(result: CheckResult, { healthyThreshold, unhealthyThreshold }: HealthCheckConfig): boolean {
    const before = this.healthy;
    const first = this.#first;
    this.#first = false;
    this.pending = false;
    if (result === 'success') {
      this.#failures = 0;
      if (!before) {
        if (first || ++this.#successes >= healthyThreshold) this.healthy = true;
        else this.pending = true;
      }
    } else {
      this.#successes = 0;
      if (before) {
        if (result === 'failure' || ++this.#failures >= unhealthyThreshold) this.healthy = false;
        else this.pending = true;
      }
    }
    if (this.healthy !== before) {
      this.#failures = 0;
      this.#successes = 0;
    }
    return this.healthy !== before;
  }
}

/** Until the next check; `used`: the cluster has had a connection. */
export const nextCheckMs = (config: HealthCheckConfig, health: HostHealth, used: boolean): number => {
  const { healthy, pending } = health;
  if (!used) return healthy && !pending ? config.noTrafficHealthyIntervalMs : config.noTrafficIntervalMs;
  if (healthy) return pending ? config.unhealthyEdgeIntervalMs : config.intervalMs;
  return pending ? config.healthyEdgeIntervalMs : config.unhealthyIntervalMs;
};
