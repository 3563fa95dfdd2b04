import type { TLSSocket } from 'node:tls';
import { RingQueue } from '@weft/base/ring-queue';
import type { Cluster, Host } from '../context.ts';
import type { RequestMetrics } from '../telemetry.ts';
import { keepAlive, type TlsSession } from './connect.ts';
import { UpstreamConnection } from './http-connection.ts';
import type { UpstreamStream } from './upstream-stream.ts';
import type { Upstreams } from './upstreams.ts';

/** Waits for a stream. One of the two is called, once, maybe before `request` returns. */
export interface ConnectionWaiter {
  onStream(stream: UpstreamStream): void;
  onConnectionFailure(failure: ConnectionFailure): void;
}

export interface ConnectionFailure {
  readonly kind: 'connect' | 'timeout' | 'overflow' | 'dns';
  /** As Envoy words it behind `reset reason: `. */
  readonly reason: string;
}

/** A place in the queue; `cancel` when the waiter wants it no more. */
export class PendingConnection {
  waiter: ConnectionWaiter | null;
  constructor(waiter: ConnectionWaiter) {
    this.waiter = waiter;
  }
}

const overflow: ConnectionFailure = { kind: 'overflow', reason: 'overflow' };
const secretMissing: ConnectionFailure = {
  kind: 'connect',
  reason: 'remote connection failure, transport failure reason: TLS_error:|Secret is not supplied by SDS',
};

/**
 * Connections to one host. The idle one used last is taken first: the others get old and are closed. Requests that
 * find none wait in order; a connection is made for each, within the cluster's limits (Envoy's circuit breakers), but
 * always one for a host that has none.
 */
export class HostPool {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly #upstreams: Upstreams;
  readonly #idle: UpstreamConnection[] = [];
  readonly #all = new Set<UpstreamConnection>();
  readonly #pending = new RingQueue<PendingConnection>();
  #connecting = 0;
  #session: TlsSession | undefined;
  #sessionKey = '';
  /** The router's: handle of the metrics of requests to this host, and what it was made for. */
  metrics: RequestMetrics | null = null;
  metricsFor: readonly unknown[] = [];

  constructor(cluster: Cluster, host: Host, upstreams: Upstreams) {
    this.cluster = cluster;
    this.host = host;
    this.#upstreams = upstreams;
  }

  /** Open and opening. */
  get connections(): ReadonlySet<UpstreamConnection> {
    return this.#all;
  }

  /** Null if the waiter was answered at once. */
  request(waiter: ConnectionWaiter): PendingConnection | null {
    const key = this.#idle.length === 0 ? '' : this.#upstreams.tlsKey(this.host.tls);
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      this.#upstreams.wheel.disarm(idle.timer);
      if (idle.state === 'open' && !idle.draining && idle.tlsKey === key) {
        waiter.onStream(idle);
        return null;
      }
      idle.socket.destroy();
    }
    if (this.cluster.pendingRequests >= this.cluster.config.limits.maxPendingRequests) {
      this.cluster.stats.upstream_rq_pending_overflow++;
      waiter.onConnectionFailure(overflow);
      return null;
    }
    this.cluster.stats.upstream_rq_pending_total++;
    const pending = new PendingConnection(waiter);
    this.#pending.push(pending);
    this.cluster.pendingRequests++;
    this.#connectForPending();
    return pending.waiter === null ? null : pending;
  }

  cancel(pending: PendingConnection): void {
    if (pending.waiter === null) return;
    pending.waiter = null;
    this.cluster.pendingRequests--;
  }

  connected(connection: UpstreamConnection): void {
    this.#connecting--;
    const { stats } = this.cluster;
    stats.upstream_cx_connect_ms.record(this.#upstreams.context.clock.monotonic() - connection.createdMs);
    if (connection.tlsKey !== '') {
      stats.tls.handshake++;
      if ((connection.socket as TLSSocket).isSessionReused()) stats.tls.session_reused++;
    }
    const { tcpKeepalive, maxConnectionDurationMs } = this.cluster.config;
    if (tcpKeepalive !== null) keepAlive(connection.socket, tcpKeepalive);
    if (maxConnectionDurationMs > 0) connection.openedMs = this.#upstreams.context.clock.monotonic();
    this.#upstreams.wheel.disarm(connection.timer);
    this.release(connection);
  }

  /** Back from an exchange, or new. */
  release(connection: UpstreamConnection): void {
    const { maxRequestsPerConnection } = this.cluster.config.limits;
    const leftMs = this.#leftMs(connection);
    const worn = (maxRequestsPerConnection > 0 && connection.requests >= maxRequestsPerConnection) || leftMs <= 0;
    if (worn && leftMs > 0) this.cluster.stats.upstream_cx_max_requests++;
    const fresh = connection.requests === 0;
    // A new connection serves who waits for it, even if host or certificate were replaced meanwhile.
    const waiter = fresh || !(worn || connection.draining) ? this.#shiftPending() : null;
    if (waiter !== null) {
      waiter.onStream(connection);
      return;
    }
    if (worn || connection.draining || this.host.removed) {
      connection.close();
      return;
    }
    this.#idle.push(connection);
    const idleMs = connection.idleMs(this.cluster.config.idleTimeoutMs);
    const untilMs = idleMs > 0 ? Math.min(idleMs, leftMs) : leftMs;
    if (untilMs < Number.POSITIVE_INFINITY) this.#upstreams.arm(connection.timer, untilMs);
  }

  closed(connection: UpstreamConnection, wasConnecting: boolean, error: Error | null): void {
    this.#upstreams.wheel.disarm(connection.timer);
    this.#all.delete(connection);
    this.cluster.activeConnections--;
    this.#count(connection, wasConnecting, error);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    if (wasConnecting) {
      this.#connecting--;
      this.#session = undefined;
      this.#shiftPending()?.onConnectionFailure(connectFailure(error));
    }
    this.#connectForPending();
    if (this.#all.size === 0 && this.host.removed) this.#upstreams.forget(this);
  }

  /** Of a connection that has ended. */
  #count(connection: UpstreamConnection, wasConnecting: boolean, error: Error | null): void {
    const { stats } = this.cluster;
    const { socket, endedByHost, busy } = connection;
    stats.upstream_cx_rx_bytes_total += socket.bytesRead;
    stats.upstream_cx_tx_bytes_total += socket.bytesWritten;
    if (wasConnecting) {
      stats.upstream_cx_connect_fail++;
      if (connectFailure(error).kind === 'timeout') stats.upstream_cx_connect_timeout++;
      if (connection.tlsKey !== '' && error?.message.startsWith('TLS_error')) stats.tls.fail_verify_san++;
      return;
    }
    stats.upstream_cx_length_ms.record(this.#upstreams.context.clock.monotonic() - connection.createdMs);
    stats.upstream_cx_destroy++;
    if (endedByHost) stats.upstream_cx_destroy_remote++;
    else stats.upstream_cx_destroy_local++;
    if (!busy) return;
    stats.upstream_cx_destroy_with_active_rq++;
    if (endedByHost) stats.upstream_cx_destroy_remote_with_active_rq++;
    else stats.upstream_cx_destroy_local_with_active_rq++;
  }

  /** Idle ones close now, those in use after their exchange. */
  drain(tlsOnly: boolean): void {
    if (tlsOnly) this.#session = undefined;
    for (const connection of [...this.#all]) {
      if (!tlsOnly || connection.tlsKey !== '') connection.close();
    }
  }

  /** Closes, now or after their exchange, those to addresses that the host's name does not have any more. */
  drainOthers(addresses: readonly string[]): void {
    for (const connection of [...this.#all]) {
      const { remoteAddress } = connection.socket;
      if (remoteAddress !== undefined && !addresses.includes(remoteAddress)) connection.close();
    }
  }

  session(tlsKey: string): TlsSession | undefined {
    const valid = this.#session !== undefined && this.#upstreams.context.clock.now() < this.#session.notAfterMs;
    return valid && this.#sessionKey === tlsKey ? this.#session : undefined;
  }

  keepSession(tlsKey: string, session: TlsSession): void {
    this.#session = session;
    this.#sessionKey = tlsKey;
  }

  /** Of the life that a connection may have; infinite unless the cluster says so. */
  #leftMs(connection: UpstreamConnection): number {
    const { maxConnectionDurationMs } = this.cluster.config;
    if (maxConnectionDurationMs === 0) return Number.POSITIVE_INFINITY;
    const leftMs = connection.openedMs + maxConnectionDurationMs - this.#upstreams.context.clock.monotonic();
    if (leftMs <= 0) this.cluster.stats.upstream_cx_max_duration_reached++;
    return leftMs;
  }

  #shiftPending(): ConnectionWaiter | null {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      const { waiter } = next;
      if (waiter === null) continue;
      this.cancel(next);
      return waiter;
    }
    return null;
  }

  #connectForPending(): void {
    while (this.#waiting() > this.#connecting && this.#mayConnect()) {
      const tlsConfig = this.host.tls;
      const tls = tlsConfig === null ? null : this.#upstreams.context.tls.client(tlsConfig);
      if (tlsConfig !== null && tls === null) {
        this.#shiftPending()?.onConnectionFailure(secretMissing);
        continue;
      }
      const { stats } = this.cluster;
      stats.upstream_cx_total++;
      stats.upstream_cx_http1_total++;
      this.cluster.activeConnections++;
      this.#connecting++;
      const connection = new UpstreamConnection(
        this,
        tls,
        this.#upstreams.tlsKey(tlsConfig),
        this.#upstreams.context.clock.monotonic(),
      );
      this.#all.add(connection);
      const { connectTimeoutMs } = this.cluster.config;
      if (connectTimeoutMs > 0) this.#upstreams.arm(connection.timer, connectTimeoutMs);
    }
  }

  #waiting(): number {
    for (let next = this.#pending.peek(); next?.waiter === null; next = this.#pending.peek()) this.#pending.shift();
    return this.#pending.length;
  }

  #mayConnect(): boolean {
    if (this.cluster.activeConnections < this.cluster.config.limits.maxConnections) return true;
    this.cluster.stats.upstream_cx_overflow++;
    return this.#all.size === 0;
  }
}

const connectFailure = (error: NodeJS.ErrnoException | null): ConnectionFailure => {
  const code = error?.code;
  if (error?.message === 'connection timeout' || code === 'ETIMEDOUT') {
    return { kind: 'timeout', reason: 'connection timeout' };
  }
  if (code === 'EDNS') return { kind: 'dns', reason: 'DNS resolution failure' };
  const why = code === undefined ? (error?.message ?? 'Connection reset by peer') : (systemErrors[code] ?? code);
  return { kind: 'connect', reason: `remote connection failure, transport failure reason: ${why}` };
};

/** In Envoy's words. */
const systemErrors: Record<string, string> = {
  ECONNREFUSED: 'delayed connect error: Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'delayed connect error: No route to host',
  ENETUNREACH: 'immediate connect error: Network is unreachable',
};
