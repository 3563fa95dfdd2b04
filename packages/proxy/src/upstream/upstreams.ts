import type { Cluster, Host, ProxyContext } from '../context.ts';
import type { TlsContextConfig } from '@weft/traffic/runtime-config';
import { TimerWheel, type WheelTimer } from '../timer-wheel.ts';
import { HostPool } from './host-pool.ts';

/** The pools of all hosts of a proxy, and what makes them close connections: removed hosts, rotated certificates. */
export class Upstreams {
  readonly context: ProxyContext;
  readonly wheel: TimerWheel;
  readonly #pools = new Set<HostPool>();
  readonly #tlsKeys = new WeakMap<TlsContextConfig, string>();

  constructor(context: ProxyContext) {
    this.context = context;
    this.wheel = new TimerWheel(context.clock);
    context.clusters.onHostRemoved((_cluster, host) => (host.pool as HostPool | null | undefined)?.drain(false));
    context.tls.onRotated(() => {
      for (const pool of this.#pools) pool.drain(true);
    });
  }

  poolOf(cluster: Cluster, host: Host): HostPool {
    const existing = host.pool as HostPool | null | undefined;
    if (existing) return existing;
    const pool = new HostPool(cluster, host, this);
    host.pool = pool;
    this.#pools.add(pool);
    return pool;
  }

  forget(pool: HostPool): void {
    this.#pools.delete(pool);
  }

  arm(timer: WheelTimer, delayMs: number): void {
    this.wheel.arm(timer, delayMs, this.context.clock.monotonic());
  }

  /** Equal for TLS settings that say the same; the configuration makes new objects for old ones. Empty: plaintext. */
  tlsKey(tls: TlsContextConfig | null): string {
    if (tls === null) return '';
    let key = this.#tlsKeys.get(tls);
    if (key === undefined) {
      key = JSON.stringify(tls);
      this.#tlsKeys.set(tls, key);
    }
    return key;
  }
}

const byContext = new WeakMap<ProxyContext, Upstreams>();

/** One for each proxy, shared by its listeners. */
export const upstreamsOf = (context: ProxyContext): Upstreams => {
  let upstreams = byContext.get(context);
  if (!upstreams) {
    upstreams = new Upstreams(context);
    byContext.set(context, upstreams);
  }
  return upstreams;
};
