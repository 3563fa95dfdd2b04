import { RingQueue } from '@weft/base/ring-queue';
import type { Cluster, ProxyContext } from '../context.ts';
import { keepAlive } from './connect.ts';
import { type ConnectionFailure, connectFailure, overflow, secretMissing } from './connect-failure.ts';
import { countClosed, countConnected } from './count-connection.ts';
import type { HostPool } from './host-pool.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamStream } from './upstream-stream.ts';
import type { Upstreams } from './upstreams.ts';

/** Waits for a stream. One of the two is called, once, maybe before `request` returns. */
export interface ConnectionWaiter {
  onStream(stream: UpstreamStream): void;
  onConnectionFailure(failure: ConnectionFailure): void;
}

/** A place in the queue of a group. */
export class PendingConnection {
  readonly #cluster: Cluster;
  /** Null: answered, or not wanted any more. */
  waiter: ConnectionWaiter | null;

  constructor(cluster: Cluster, waiter: ConnectionWaiter) {
    this.#cluster = cluster;
    this.waiter = waiter;
    cluster.pendingRequests++;
  }

  /** The waiter wants it no more, or has what it waited for. */
  cancel(): void {
    if (this.waiter === null) return;
    this.waiter = null;
    this.#cluster.pendingRequests--;
  }
}

/**
 * Requests under way on one HTTP/2 connection above which another is made, and how many are made for that reason: few
 * connections put many requests into one record and one write, which is where HTTP/2 is cheap, but what is lost or slow
 * on one of them holds up only its share. docs/decisions/0007-http2-between-sidecars.md has the numbers.
 */
const BUSY_STREAMS = 64;
const MAX_SHARED = 4;

const HTTP1_NAMES: readonly string[] = ['http/1.1', 'http/1.0', 'istio-http/1.1', 'istio-http/1.0'];
const HTTP2_NAMES: readonly string[] = ['h2', 'istio-h2'];

/**
 * The connections to one host on which the same may be spoken. `auto`: the handshake decides. An HTTP/2 connection is shared
 * by as many requests as both sides allow. Of HTTP/1's the idle one used last is taken first: the others get old and
 * are closed. Requests that find none wait in order, and connections are made for them within the cluster's limits
 * (Envoy's circuit breakers), but always one for a host that has none.
 */
export class ConnectionGroup {
  readonly pool: HostPool;
  readonly upstreams: Upstreams;
  readonly kind: 'http1' | 'http2' | 'auto';
  readonly #all = new Set<UpstreamConnection>();
  /** Of HTTP/1. */
  readonly #idle: UpstreamConnection[] = [];
  /** Of HTTP/2, those that take requests when there is room. */
  readonly #shared: UpstreamConnection[] = [];
  readonly #pending = new RingQueue<PendingConnection>();
  #connecting = 0;
  /** What the next connection will most likely speak: `auto` learns it from the last one. */
  #sharing: boolean;

  constructor(pool: HostPool, upstreams: Upstreams, kind: 'http1' | 'http2' | 'auto') {
    this.pool = pool;
    this.upstreams = upstreams;
    this.kind = kind;
    this.#sharing = kind !== 'http1';
  }

  get context(): ProxyContext {
    return this.upstreams.context;
  }

  get #cluster(): Cluster {
    return this.pool.cluster;
  }

  /** Open and opening. */
  get connections(): ReadonlySet<UpstreamConnection> {
    return this.#all;
  }

  /** An upgrade (RFC 8441) could go over a connection that is there. */
  get takesUpgrades(): boolean {
    return this.#shared.some(({ http2 }) => http2?.session.peerEnablesConnect === true);
  }

  /** Null if the waiter was answered at once. */
  request(waiter: ConnectionWaiter): PendingConnection | null {
    const stream = this.#take();
    if (stream !== null) {
      waiter.onStream(stream);
      return null;
    }
    const cluster = this.#cluster;
    if (cluster.pendingRequests >= cluster.config.limits.maxPendingRequests) {
      cluster.stats.upstream_rq_pending_overflow++;
      waiter.onConnectionFailure(overflow);
      return null;
    }
    cluster.stats.upstream_rq_pending_total++;
    const pending = new PendingConnection(cluster, waiter);
    this.#pending.push(pending);
    this.#connectForPending();
    return pending.waiter === null ? null : pending;
  }

  #take(): UpstreamStream | null {
    if (this.#shared.length === 0 && this.#idle.length === 0) return null;
    const key = this.upstreams.tlsKey(this.pool.host.tls);
    return this.#takeShared(key) ?? this.#takeIdle(key);
  }

  #takeIdle(key: string): UpstreamStream | null {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      this.upstreams.wheel.disarm(idle.timer);
      if (idle.state === 'open' && !idle.draining && idle.tlsKey === key) return idle.http1;
      idle.socket.destroy();
    }
    return null;
  }

  /** The first that is not busy, so that few connections carry much; else the least busy, and another is made. */
  #takeShared(key: string): UpstreamStream | null {
    let least: UpstreamConnection | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#shared.length; i++) {
      const connection = this.#shared[i] as UpstreamConnection;
      const { http2 } = connection;
      if (connection.tlsKey !== key) {
        // The configuration has changed under it. It leaves the list.
        connection.close();
        i--;
        continue;
      }
      if (http2 === null || !http2.hasRoom) continue;
      const { active } = http2;
      if (active < BUSY_STREAMS && !http2.congested) return this.#takeStream(connection);
      if (active >= fewest) continue;
      fewest = active;
      least = connection;
    }
    if (least === null) return null;
    const { activeConnections, config } = this.#cluster;
    const few = this.#shared.length + this.#connecting < MAX_SHARED;
    if (few && activeConnections < config.limits.maxConnections) this.#connect();
    return this.#takeStream(least);
  }

  #takeStream(connection: UpstreamConnection): UpstreamStream | null {
    const { http2, timer } = connection;
    if (http2 === null) return null;
    if (timer.armed) this.upstreams.wheel.disarm(timer);
    const stream = http2.take();
    const { maxRequestsPerConnection } = this.#cluster.config.limits;
    if (maxRequestsPerConnection > 0 && connection.requests >= maxRequestsPerConnection) {
      this.#cluster.stats.upstream_cx_max_requests++;
      connection.drain();
    }
    return stream;
  }

  // ─── what connections tell ───

  connected(connection: UpstreamConnection): void {
    this.#connecting--;
    const { config, stats } = this.#cluster;
    const nowMs = this.context.clock.monotonic();
    countConnected(stats, connection, nowMs);
    if (config.tcpKeepalive !== null) keepAlive(connection.socket, config.tcpKeepalive);
    if (config.maxConnectionDurationMs > 0) connection.openedMs = nowMs;
    this.upstreams.wheel.disarm(connection.timer);
    if (this.kind === 'auto') this.#sharing = connection.http2 !== null;
    if (connection.http2 === null) this.release(connection);
    else {
      if (!connection.draining) this.#shared.push(connection);
      this.#serve(connection);
      if (connection.idle) this.released(connection);
    }
    this.#connectForPending();
  }

  /** An HTTP/1 connection is back from an exchange, or new. */
  release(connection: UpstreamConnection): void {
    const { maxRequestsPerConnection } = this.#cluster.config.limits;
    const leftMs = this.#leftMs(connection);
    const worn = (maxRequestsPerConnection > 0 && connection.requests >= maxRequestsPerConnection) || leftMs <= 0;
    if (worn && leftMs > 0) this.#cluster.stats.upstream_cx_max_requests++;
    const fresh = connection.requests === 0;
    // A new connection serves who waits for it, even if host or certificate were replaced meanwhile.
    const waiter = fresh || !(worn || connection.draining) ? this.#shiftPending() : null;
    if (waiter !== null && connection.http1 !== null) {
      waiter.onStream(connection.http1);
      return;
    }
    if (worn || connection.draining || this.pool.host.removed) {
      connection.close();
      return;
    }
    this.#idle.push(connection);
    this.#armIdle(connection, leftMs);
  }

  /** A stream of an HTTP/2 connection is over. */
  released(connection: UpstreamConnection): void {
    if (connection.state !== 'open') return;
    if (!connection.draining) {
      const leftMs = this.#leftMs(connection);
      if (leftMs <= 0 || this.pool.host.removed) connection.drain();
      else if (this.#pending.length > 0) this.#serve(connection);
      else if (connection.idle) this.#armIdle(connection, leftMs);
    }
    if (connection.draining && connection.idle) connection.close();
  }

  /** The server allows more streams than before, maybe. */
  roomFound(connection: UpstreamConnection): void {
    this.#serve(connection);
  }

  /** It takes nothing new. */
  draining(connection: UpstreamConnection): void {
    const at = this.#shared.indexOf(connection);
    if (at !== -1) this.#shared.splice(at, 1);
    if (connection.state === 'open' && this.#waiting() > 0) this.#connectForPending();
  }

  closed(connection: UpstreamConnection, wasConnecting: boolean, error: Error | null): void {
    this.upstreams.wheel.disarm(connection.timer);
    this.#all.delete(connection);
    this.#cluster.activeConnections--;
    countClosed(this.#cluster.stats, connection, wasConnecting, error, this.context.clock.monotonic());
    const idle = this.#idle.indexOf(connection);
    if (idle !== -1) this.#idle.splice(idle, 1);
    const shared = this.#shared.indexOf(connection);
    if (shared !== -1) this.#shared.splice(shared, 1);
    if (wasConnecting) {
      this.#connecting--;
      this.pool.forgetSession();
      this.#fail(connectFailure(error));
    }
    this.#connectForPending();
    this.pool.connectionClosed();
  }

  /** One of those who wait; all, where they wait for one connection to share. */
  #fail(failure: ConnectionFailure): void {
    if (!this.#sharing) this.#shiftPending()?.onConnectionFailure(failure);
    else if (this.#connecting === 0) {
      // Who comes while they are told waits for the next connection.
      for (let left = this.#pending.length; left > 0; left--) this.#shiftPending()?.onConnectionFailure(failure);
    }
  }

  #serve(connection: UpstreamConnection): void {
    const { http2 } = connection;
    // A new connection serves who waits for it, even if host or certificate were replaced meanwhile.
    while (http2?.hasRoom && this.#waiting() > 0) {
      const stream = this.#takeStream(connection);
      const waiter = this.#shiftPending();
      if (stream !== null) waiter?.onStream(stream);
    }
  }

  #armIdle(connection: UpstreamConnection, leftMs: number): void {
    const idleMs = connection.idleMs(this.#cluster.config.idleTimeoutMs);
    const untilMs = idleMs > 0 ? Math.min(idleMs, leftMs) : leftMs;
    if (untilMs < Number.POSITIVE_INFINITY) this.upstreams.arm(connection.timer, untilMs);
  }

  /** Of the life that a connection may have; infinite unless the cluster says so. */
  #leftMs(connection: UpstreamConnection): number {
    const { maxConnectionDurationMs } = this.#cluster.config;
    if (maxConnectionDurationMs === 0) return Number.POSITIVE_INFINITY;
    const leftMs = connection.openedMs + maxConnectionDurationMs - this.context.clock.monotonic();
    if (leftMs <= 0) this.#cluster.stats.upstream_cx_max_duration_reached++;
    return leftMs;
  }

  #shiftPending(): ConnectionWaiter | null {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      const { waiter } = next;
      if (waiter === null) continue;
      next.cancel();
      return waiter;
    }
    return null;
  }

  /** A connection for each who waits, or one for as many as may share it. */
  #connectForPending(): void {
    while (this.#needed() > this.#connecting && this.#mayConnect()) {
      if (!this.#connect()) this.#shiftPending()?.onConnectionFailure(secretMissing);
    }
  }

  #needed(): number {
    const waiting = this.#waiting();
    return this.#sharing ? Math.ceil(waiting / this.#cluster.config.http2.maxConcurrentStreams) : waiting;
  }

  /** False: there is no certificate to make it with. */
  #connect(): boolean {
    const { host } = this.pool;
    const cluster = this.#cluster;
    const tls = host.tls === null ? null : this.context.tls.client(host.tls);
    if (host.tls !== null && tls === null) return false;
    cluster.stats.upstream_cx_total++;
    if (this.kind === 'http1') cluster.stats.upstream_cx_http1_total++;
    else if (this.kind === 'http2') cluster.stats.upstream_cx_http2_total++;
    cluster.activeConnections++;
    this.#connecting++;
    const nowMs = this.context.clock.monotonic();
    const connection = new UpstreamConnection(this, tls, this.upstreams.tlsKey(host.tls), this.#alpn(), nowMs);
    this.#all.add(connection);
    const { connectTimeoutMs } = cluster.config;
    if (connectTimeoutMs > 0) this.upstreams.arm(connection.timer, connectTimeoutMs);
    return true;
  }

  /**
   * What the cluster says, without what will not be spoken where there is a choice; Envoy's own where it says nothing and
   * needs it.
   */
  #alpn(): readonly string[] {
    const alpn = this.pool.host.tls?.alpn ?? [];
    const { protocol } = this.#cluster.config;
    if (this.kind === 'auto') return alpn.length === 0 ? ['h2', 'http/1.1'] : alpn;
    if (protocol !== 'auto' && protocol !== 'downstream') return alpn;
    const others = this.kind === 'http1' ? HTTP2_NAMES : HTTP1_NAMES;
    return alpn.filter((name) => !others.includes(name));
  }

  #waiting(): number {
    for (let next = this.#pending.peek(); next?.waiter === null; next = this.#pending.peek()) this.#pending.shift();
    return this.#pending.length;
  }

  #mayConnect(): boolean {
    if (this.#cluster.activeConnections < this.#cluster.config.limits.maxConnections) return true;
    this.#cluster.stats.upstream_cx_overflow++;
    return this.pool.connectionCount === 0;
  }
}
