import type { Socket } from 'node:net';
import { emptyAccessRecord } from '@weft/telemetry/access-record';
import type { ConnectionView } from '@weft/traffic/request';
import type { TcpProxyConfig, TrafficDirection } from '@weft/traffic/runtime-config';
import type { Cluster, Host, ProxyContext } from '../context.ts';
import { unknownPeer } from '../headers/peer-metadata.ts';
import { destinationService, endpointLabels } from '../router/labels.ts';
import type { TcpStats } from '../stats/http-stats.ts';
import type { AccessLogSink, PeerLabels, TcpMetrics } from '../telemetry.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import { type ConnectionEvents, connectUpstream, keepAlive } from '../upstream/connect.ts';
import type { Upstreams } from '../upstream/upstreams.ts';

/** What one `tcp_proxy` gives its connections; constant. */
export interface TcpService {
  readonly context: ProxyContext;
  readonly upstreams: Upstreams;
  readonly config: TcpProxyConfig;
  readonly direction: TrafficDirection;
  readonly accessLogs: readonly AccessLogSink[];
  readonly stats: TcpStats;
}

const LINGER_MS = 1000;

const connectTimeout = new Error('connection timeout');

type State = 'connecting' | 'open' | 'closed';

/**
 * A connection passed through as bytes. Either side is read only as fast as the other takes it; an end of the stream
 * is passed on, and the connection closes when both have ended, or one broke. `downstream` is paused when it comes.
 */
export class TcpConnection implements ConnectionEvents, TimerTarget {
  readonly #service: TcpService;
  readonly #downstream: Socket;
  readonly #view: ConnectionView;
  readonly #onClosed: (connection: TcpConnection) => void;
  readonly #startMs: number;
  readonly #idleTimer = new WheelTimer(this, 'idle');
  /** Until there is a connection; then until it has lasted as long as it may. */
  readonly #lifeTimer = new WheelTimer(this, 'life');
  readonly #tried: Host[] = [];
  #state: State = 'connecting';
  #cluster: Cluster | null = null;
  #host: Host | null = null;
  #upstream: Socket | null = null;
  #counted = false;
  #principal = '';
  #metrics: TcpMetrics | null = null;
  #received = 0;
  #sent = 0;
  #flags = '';

  constructor(service: TcpService, downstream: Socket, view: ConnectionView, onClosed: (c: TcpConnection) => void) {
    this.#service = service;
    this.#downstream = downstream;
    this.#view = view;
    this.#onClosed = onClosed;
    this.#startMs = service.context.clock.monotonic();
    service.stats.downstream_cx_total++;
    downstream.on('data', (bytes: Buffer) => this.#onDownstreamBytes(bytes));
    downstream.on('end', () => this.#upstream?.end());
    downstream.on('drain', () => this.#upstream?.resume());
    downstream.on('error', () => downstream.destroy());
    downstream.on('close', () => this.#end());
    // Nothing is read until there is somewhere to write it.
    downstream.pause();
    const name = pickWeighted(service);
    this.#cluster = name === null ? null : service.context.clusters.get(name);
    this.#connect();
  }

  close(): void {
    this.#end();
  }

  #connect(): void {
    const { context, upstreams, config } = this.#service;
    const cluster = this.#cluster;
    if (cluster === null) {
      this.#service.stats.downstream_cx_no_route++;
      return this.#fail('NC');
    }
    if (this.#tried.length >= Math.max(1, config.maxConnectAttempts)) return this.#fail('UF');
    if (cluster.activeConnections >= cluster.config.limits.maxConnections) {
      cluster.stats.upstream_cx_overflow++;
      return this.#fail('UO');
    }
    const host = cluster.pick(this.#tried.length === 0 ? null : this.#tried);
    if (host === null) {
      cluster.stats.upstream_cx_none_healthy++;
      return this.#fail('UH');
    }
    this.#host = host;
    this.#tried.push(host);
    const tls = host.tls === null ? null : context.tls.client(host.tls);
    if (host.tls !== null && tls === null) return this.#fail('UF');
    host.active++;
    cluster.activeConnections++;
    cluster.stats.upstream_cx_total++;
    this.#counted = true;
    if (cluster.config.connectTimeoutMs > 0) upstreams.arm(this.#lifeTimer, cluster.config.connectTimeoutMs);
    this.#upstream = connectUpstream(host, tls, undefined, this);
    return undefined;
  }

  onConnected(principal: string): void {
    const { context, upstreams, config } = this.#service;
    upstreams.wheel.disarm(this.#lifeTimer);
    this.#state = 'open';
    const { maxConnectionDurationMs } = config;
    if (maxConnectionDurationMs > 0) upstreams.wheel.arm(this.#lifeTimer, maxConnectionDurationMs, this.#startMs);
    const { tcpKeepalive } = (this.#cluster as Cluster).config;
    if (tcpKeepalive !== null) keepAlive(this.#upstream as Socket, tcpKeepalive);
    this.#host?.outlier?.connected(true);
    this.#principal = principal;
    this.#metrics = context.telemetry.tcp(this.#labels());
    this.#metrics.opened();
    this.#active();
    if (this.#downstream.readableEnded) this.#upstream?.end();
    this.#downstream.resume();
  }

  #onDownstreamBytes(bytes: Buffer): void {
    this.#received += bytes.length;
    if (this.#upstream !== null && !this.#upstream.write(bytes)) this.#downstream.pause();
    this.#active();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#sent += end - start;
    // The buffer is every connection's; a write may keep what it is given.
    if (!this.#downstream.write(Buffer.from(buffer.subarray(start, end)))) this.#upstream?.pause();
    this.#active();
  }

  onSession(): void {}

  onEof(): void {
    if (this.#state === 'open') this.#downstream.end();
  }

  onDrain(): void {
    this.#downstream.resume();
  }

  onClosed(error: Error | null): void {
    this.#endCount();
    if (this.#state === 'connecting') {
      const { stats } = this.#cluster as Cluster;
      stats.upstream_cx_connect_fail++;
      if (error === connectTimeout) stats.upstream_cx_connect_timeout++;
      this.#service.upstreams.wheel.disarm(this.#lifeTimer);
      this.#host?.outlier?.failed(error === connectTimeout ? 'timeout' : 'connect');
      this.#connect();
    } else this.#end();
  }

  onTimer(kind: string): void {
    if (this.#state === 'connecting') this.#upstream?.destroy(connectTimeout);
    else if (this.#state === 'closed') this.#destroy();
    else if (kind === 'life') {
      this.#service.stats.max_downstream_connection_duration++;
      this.#fail('DT');
    } else {
      this.#service.stats.idle_timeout++;
      this.#end();
    }
  }

  #destroy(): void {
    this.#downstream.destroy();
    this.#upstream?.destroy();
  }

  #active(): void {
    const { config, upstreams } = this.#service;
    if (config.idleTimeoutMs > 0) upstreams.arm(this.#idleTimer, config.idleTimeoutMs);
  }

  #fail(flags: string): void {
    this.#flags = flags;
    this.#end();
  }

  #endCount(): void {
    if (!this.#counted) return;
    this.#counted = false;
    (this.#host as Host).active--;
    (this.#cluster as Cluster).activeConnections--;
  }

  #end(): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    const { upstreams } = this.#service;
    upstreams.wheel.disarm(this.#idleTimer);
    upstreams.wheel.disarm(this.#lifeTimer);
    if (wasOpen) {
      // What was taken is still delivered, to whoever reads it in time.
      this.#downstream.destroySoon();
      this.#upstream?.destroySoon();
      upstreams.arm(this.#idleTimer, LINGER_MS);
    } else this.#destroy();
    this.#endCount();
    if (this.#metrics === null) {
      // It never got anywhere; as in Istio it is one that was opened and closed.
      this.#metrics = this.#service.context.telemetry.tcp(this.#labels());
      this.#metrics.opened();
    }
    this.#metrics.closed(this.#received, this.#sent, this.#flags || '-');
    const { stats } = this.#service;
    stats.downstream_cx_rx_bytes_total += this.#received;
    stats.downstream_cx_tx_bytes_total += this.#sent;
    if (wasOpen && this.#cluster !== null) {
      this.#cluster.stats.upstream_cx_destroy++;
      this.#cluster.stats.upstream_cx_rx_bytes_total += this.#sent;
      this.#cluster.stats.upstream_cx_tx_bytes_total += this.#received;
    }
    this.#log();
    this.#onClosed(this);
  }

  #labels() {
    const { context, direction } = this.#service;
    const inbound = direction === 'inbound';
    const { mtls, peerPrincipal } = this.#view;
    const { local } = context;
    const service = destinationService(this.#cluster, this.#host);
    const secured = inbound ? mtls : this.#principal !== '';
    return {
      reporter: inbound ? ('destination' as const) : ('source' as const),
      source: inbound ? callerOf(peerPrincipal) : local.labels,
      sourcePrincipal: (secured && (inbound ? peerPrincipal : local.principal)) || 'unknown',
      destination: inbound ? local.labels : endpointLabels(this.#host),
      destinationPrincipal: (secured && (inbound ? local.principal : this.#principal)) || 'unknown',
      destinationService: service.host,
      destinationServiceName: service.name,
      destinationServiceNamespace: service.namespace,
      connectionSecurityPolicy: inbound ? (mtls ? ('mutual_tls' as const) : ('none' as const)) : ('unknown' as const),
    };
  }

  #log(): void {
    const { accessLogs, context } = this.#service;
    if (accessLogs.length === 0) return;
    const durationMs = context.clock.monotonic() - this.#startMs;
    const view = this.#view;
    const host = this.#host;
    const record = {
      ...emptyAccessRecord(),
      startTimeMs: context.clock.now() - durationMs,
      durationMs,
      responseFlags: this.#flags === '' ? '-' : this.#flags,
      requestBytes: this.#received,
      responseBytes: this.#sent,
      upstreamHost: host === null ? '' : `${host.address}:${host.port}`,
      upstreamCluster: this.#cluster === null ? '' : this.#cluster.name,
      downstreamRemoteAddress: `${view.sourceAddress}:${view.sourcePort}`,
      downstreamLocalAddress: `${view.destinationAddress}:${view.destinationPort}`,
      requestedServerName: view.sni,
      attempts: this.#tried.length,
    };
    for (const log of accessLogs) log.write(record);
  }
}

/** Of a caller by TCP only its identity is known, so its namespace: `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. */
const callerOf = (principal: string): PeerLabels => {
  const namespace = /\/ns\/([^/]+)\//.exec(principal)?.[1];
  return namespace === undefined ? unknownPeer : { ...unknownPeer, namespace };
};

const pickWeighted = ({ config, context }: TcpService): string | null => {
  const { clusters } = config;
  if (clusters.length === 1) return clusters[0]?.name ?? null;
  let point = context.random() * clusters.reduce((sum, c) => sum + c.weight, 0);
  for (const cluster of clusters) {
    point -= cluster.weight;
    if (point < 0) return cluster.name;
  }
  return null;
};
