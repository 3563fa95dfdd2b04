import type { Clock, Timer } from '@weft/base/clock';
import type { Random } from '@weft/base/random';
import type { HealthCheckConfig } from '@weft/traffic/health-check/health-check-config';
import { type CheckResult, HostHealth, nextCheckMs } from '@weft/traffic/health-check/host-health';
import type { Host } from '../context.ts';
import type { HealthCheckStats } from '../stats/cluster-stats.ts';

/** Asks a host once. `done` is called once, unless what is returned was called before: it gives the check up. */
export type Probe = (
  host: Host,
  config: HealthCheckConfig,
  clusterName: string,
  done: (result: CheckResult) => void,
) => () => void;

/** Of the cluster that is checked. */
export interface CheckedCluster {
  readonly name: string;
  readonly stats: { readonly upstream_cx_total: number; readonly health: HealthCheckStats };
}

/**
 * Checks the hosts of a cluster, each on its own timer: sets their `failedCheck` and tells when it changes. Hosts come and
 * go with `add` and `remove`; a host that comes is not well until its first check says so.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/health_checking
 */
export class HealthChecker {
  readonly #sessions = new Map<Host, Session>();
  readonly #cluster: CheckedCluster;
  readonly #config: HealthCheckConfig;
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: () => void;

  constructor(
    cluster: CheckedCluster,
    config: HealthCheckConfig,
    probe: Probe,
    clock: Clock,
    random: Random,
    onChange: () => void,
  ) {
    this.#cluster = cluster;
    this.#config = config;
    this.#probe = probe;
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
  }

  /** Begins to check a host, unless it is checked already. */
  add(host: Host): void {
    if (this.#sessions.has(host)) return;
    const session: Session = { health: new HostHealth(), timer: null, giveUp: null };
    this.#sessions.set(host, session);
    host.failedCheck = true;
    const jitterMs = this.#config.initialJitterMs * this.#random();
    if (jitterMs > 0) this.#after(session, jitterMs, () => this.#check(host, session));
    else this.#check(host, session);
  }

  remove(host: Host): void {
    const session = this.#sessions.get(host);
    if (session === undefined) return;
    this.#sessions.delete(host);
    host.failedCheck = false;
    stop(session);
    if (session.health.healthy) this.#cluster.stats.health.healthy--;
  }

  close(): void {
    for (const host of [...this.#sessions.keys()]) this.remove(host);
  }

  #check(host: Host, session: Session): void {
    this.#cluster.stats.health.attempt++;
    this.#after(session, this.#config.timeoutMs, () => this.#checked(host, session, 'network'));
    session.giveUp = this.#probe(host, this.#config, this.#cluster.name, (result) => {
      // One that answers at once answers before its way out is known.
      session.giveUp = null;
      this.#checked(host, session, result);
    });
  }

  #checked(host: Host, session: Session, result: CheckResult): void {
    stop(session);
    if (this.#sessions.get(host) !== session) return;
    const { health, upstream_cx_total } = this.#cluster.stats;
    if (result === 'success') health.success++;
    else health.failure++;
    if (result === 'network') health.network_failure++;
    const changed = session.health.checked(result, this.#config);
    const { intervalJitterMs, intervalJitterPercent } = this.#config;
    const baseMs = nextCheckMs(this.#config, session.health, upstream_cx_total > 0);
    const jitterMs = (intervalJitterMs + (baseMs * intervalJitterPercent) / 100) * this.#random();
    this.#after(session, baseMs + jitterMs, () => this.#check(host, session));
    if (!changed) return;
    host.failedCheck = !session.health.healthy;
    health.healthy += session.health.healthy ? 1 : -1;
    this.#onChange();
  }

  #after(session: Session, delayMs: number, then: () => void): void {
    session.timer?.cancel();
    session.timer = this.#clock.setTimer(delayMs, then);
  }
}

interface Session {
  readonly health: HostHealth;
  /** Until the next check, or of the one under way its timeout. */
  timer: Timer | null;
  giveUp: (() => void) | null;
}

const stop = (session: Session): void => {
  session.timer?.cancel();
  session.timer = null;
  session.giveUp?.();
  session.giveUp = null;
};
