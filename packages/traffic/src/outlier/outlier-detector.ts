import type { Clock, Timer } from '@weft/base/clock';
import type { Random } from '@weft/base/random';
import { HostMonitor, type SuccessRate } from './host-monitor.ts';
import type { EjectionType, OutlierDetectionConfig } from './outlier-config.ts';

/** Named as Envoy's `outlier_detection.…`. Detected: would have been ejected if enforced. */
export type OutlierStats = {
  /** A gauge. */
  ejections_active: number;
  ejections_enforced_total: number;
  /** Outliers that stayed because too many were out already. */
  ejections_overflow: number;
} & Record<`ejections_enforced_${EjectionType}` | `ejections_detected_${EjectionType}`, number>;

/**
 * Passive health checking of a cluster's hosts, as Envoy's DetectorImpl does it: failures in a row eject at once; success
 * rate and failure percentage are judged for all hosts at the end of each interval, where hosts also come back.
 *
 *     in ──detected, enforced, within max_ejection_percent──► out ──interval after the ejection time──► in
 *        ◄─────────── else: counted only                          multiplier + 1 each time, − 1 per interval in
 *
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
 */
export class OutlierDetector {
  config: OutlierDetectionConfig;
  readonly #stats: OutlierStats;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: () => void;
  readonly #monitors = new Set<HostMonitor>();
  #timer: Timer;

  /** `onChange`: hosts went out or came back. May be called from within a monitor's methods. */
  constructor(config: OutlierDetectionConfig, stats: OutlierStats, clock: Clock, random: Random, onChange: () => void) {
    this.config = config;
    this.#stats = stats;
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
    this.#timer = this.#arm();
  }

  /** Who is out stays out, by the new times. */
  update(config: OutlierDetectionConfig): void {
    const same = config.intervalMs === this.config.intervalMs;
    this.config = config;
    if (same) return;
    this.#timer.cancel();
    this.#timer = this.#arm();
  }

  add(): HostMonitor {
    const monitor = new HostMonitor(this);
    this.#monitors.add(monitor);
    return monitor;
  }

  /** The host is gone. */
  remove(monitor: HostMonitor): void {
    if (this.#monitors.delete(monitor) && monitor.ejected) this.#stats.ejections_active--;
  }

  /** No host is out any more. */
  close(): void {
    this.#timer.cancel();
    for (const monitor of this.#monitors) monitor.ejected = false;
    this.#monitors.clear();
    this.#stats.ejections_active = 0;
  }

  /** By a monitor, when it has counted enough failures in a row. */
  detected(monitor: HostMonitor, type: EjectionType): void {
    if (monitor.ejected || !this.#monitors.has(monitor)) return;
    const ejected = this.#eject(monitor, type);
    // The next bout counts from the start even if this one had no consequence.
    if (type === 'consecutive_5xx') monitor.consecutive5xx = 0;
    else if (type === 'consecutive_gateway_failure') monitor.consecutiveGatewayFailure = 0;
    else monitor.consecutiveLocalOriginFailure = 0;
    if (ejected) this.#onChange();
  }

  #eject(monitor: HostMonitor, type: EjectionType): boolean {
    const { config } = this;
    const stats = this.#stats;
    stats[`ejections_detected_${type}`]++;
    const percent = (100 * (stats.ejections_active + 1)) / this.#monitors.size;
    const first = config.alwaysEjectOneHost && stats.ejections_active === 0;
    if (percent > config.maxEjectionPercent && !first) {
      stats.ejections_overflow++;
      return false;
    }
    if (this.#random() * 100 >= config.enforcing[type]) return false;
    stats.ejections_active++;
    stats.ejections_enforced_total++;
    stats[`ejections_enforced_${type}`]++;
    monitor.ejected = true;
    monitor.ejectedAtMs = this.#clock.monotonic();
    monitor.jitterMs = Math.floor(this.#random() * (config.maxEjectionTimeJitterMs + 1));
    // Until the time is as long as it may be, and not beyond: so it falls again as soon as the host is well.
    const { baseEjectionTimeMs: base, maxEjectionTimeMs: max } = config;
    if (monitor.multiplier * base < max + base) monitor.multiplier++;
    return true;
  }

  #arm(): Timer {
    return this.#clock.setTimer(this.config.intervalMs, () => {
      this.#timer = this.#arm();
      this.#endInterval();
    });
  }

  #endInterval(): void {
    const now = this.#clock.monotonic();
    let changed = false;
    for (const monitor of this.#monitors) {
      if (this.#returns(monitor, now)) changed = true;
      monitor.external.nextInterval();
      monitor.local.nextInterval();
    }
    if (this.#judge((m) => m.external, 'success_rate', 'failure_percentage')) changed = true;
    if (this.#judge((m) => m.local, 'local_origin_success_rate', 'local_origin_failure_percentage')) {
      changed = true;
    }
    if (changed) this.#onChange();
  }

  #returns(monitor: HostMonitor, now: number): boolean {
    if (!monitor.ejected) {
      if (monitor.multiplier > 0) monitor.multiplier--;
      return false;
    }
    const { baseEjectionTimeMs, maxEjectionTimeMs } = this.config;
    const outMs = Math.min(baseEjectionTimeMs * monitor.multiplier, maxEjectionTimeMs) + monitor.jitterMs;
    if (now - monitor.ejectedAtMs < outMs) return false;
    monitor.ejected = false;
    monitor.resetCounts();
    this.#stats.ejections_active--;
    return true;
  }

  /** Success rate: so many standard deviations below the mean of all. Failure percentage: a bound for each. */
  #judge(
    rateOf: (monitor: HostMonitor) => SuccessRate,
    successRate: EjectionType,
    failurePercentage: EjectionType,
  ): boolean {
    const { config } = this;
    const monitors = this.#monitors;
    if (monitors.size < Math.min(config.successRateMinimumHosts, config.failurePercentageMinimumHosts)) return false;
    const judged = [...monitors].filter((monitor) => !monitor.ejected && rateOf(monitor).judgedTotal > 0);
    const withVolume = (volume: number): HostMonitor[] => judged.filter((m) => rateOf(m).judgedTotal >= volume);
    let changed = false;
    const eject = (monitor: HostMonitor, type: EjectionType): void => {
      if (!monitor.ejected && this.#eject(monitor, type)) changed = true;
    };
    const rated = withVolume(config.successRateRequestVolume);
    if (rated.length > 0 && rated.length >= config.successRateMinimumHosts) {
      const threshold = successRateThreshold(
        rated.map((monitor) => rateOf(monitor).percent),
        config.successRateStdevFactor / 1000,
      );
      for (const monitor of rated) if (rateOf(monitor).percent < threshold) eject(monitor, successRate);
    }
    const counted = withVolume(config.failurePercentageRequestVolume);
    if (counted.length > 0 && counted.length >= config.failurePercentageMinimumHosts) {
      for (const monitor of counted) {
        if (100 - rateOf(monitor).percent >= config.failurePercentageThreshold) eject(monitor, failurePercentage);
      }
    }
    return changed;
  }
}

/** Mean less `factor` standard deviations (of the population). */
const successRateThreshold = (rates: readonly number[], factor: number): number => {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return mean - factor * Math.sqrt(variance);
};
