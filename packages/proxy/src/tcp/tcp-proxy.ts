import type { Socket } from 'node:net';
import type { ConnectionView } from '@weft/traffic/request';
import type { TcpProxyConfig, TrafficDirection } from '@weft/traffic/runtime-config';
import type { Cluster, Host, ProxyContext } from '../context.ts';
import { readBuffer, readIntoSharedBuffer } from '../shared-read-buffer.ts';
import type { ServerFirst } from '../downstream/server-first.ts';
import type { TcpStats } from '../stats/http-stats.ts';
import type { AccessLogSink, PeerLabels } from '../telemetry.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import { type ConnectionEvents, connectUpstream, keepAlive } from '../upstream/connect.ts';
import { headerFor } from '../upstream/proxy-header.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { PeerGreetingReader, withExchange } from './peer-exchange.ts';
import { Pump } from './pump.ts';
import { type TcpOutcome, TcpReport } from './tcp-report.ts';

/** What one `tcp_proxy` gives its connections; constant. */
export interface TcpService {
  readonly context: ProxyContext;
  readonly upstreams: Upstreams;
  readonly config: TcpProxyConfig;
  readonly direction: TrafficDirection;
  readonly accessLogs: readonly AccessLogSink[];
  readonly stats: TcpStats;
  /** Told who speaks first, where somebody wants to know. */
  readonly serverFirst: ServerFirst | null;
}

/** After an end, what was taken may still be delivered for so long. */
const LINGER_MS = 1000;
/** Istio's `tcp_reporting_duration`: a long connection does not wait for its end to be counted. */
const REPORT_MS = 15_000;

const connectTimeout = new Error('connection timeout');

type State = 'connecting' | 'open' | 'closed';

/**
 * A connection passed through as bytes. Either side is read only as fast as the other takes it; an end of the stream
 * is passed on, and the connection closes when both have ended, or one broke. `downstream` is paused when it comes;
 * with a `greeting` both sides say first who they are (`peer-exchange.ts`).
 */
export class TcpConnection implements ConnectionEvents, TimerTarget, TcpOutcome {
  readonly service: TcpService;
  readonly view: ConnectionView;
  readonly startMs: number;
  cluster: Cluster | null = null;
  host: Host | null = null;
  principal = '';
  peer: PeerLabels | null = null;
  flags = '';
  readonly #downstream: Socket;
  readonly #onClosed: (connection: TcpConnection) => void;
  readonly #idleTimer = new WheelTimer(this, 'idle');
  /** Until there is a connection; then until it has lasted as long as it may. */
  readonly #lifeTimer = new WheelTimer(this, 'life');
  readonly #reportTimer = new WheelTimer(this, 'report');
  readonly #report = new TcpReport();
  readonly #tried: Host[] = [];
  #greeting: PeerGreetingReader | null;
  #state: State = 'connecting';
  #upstream: Socket | null = null;
  #toUpstream: Pump | null = null;
  /** TLS gives what came with the end of its handshake, paused or not. */
  readonly #early: Buffer[] = [];
  #toDownstream: Pump | null = null;
  #counted = false;
  /** Nobody has said anything yet. */
  #silent = true;

  constructor(
    service: TcpService,
    downstream: Socket,
    view: ConnectionView,
    greeting: Buffer | null,
    onClosed: (c: TcpConnection) => void,
  ) {
    this.service = service;
    this.#downstream = downstream;
    this.view = view;
    this.#onClosed = onClosed;
    this.startMs = service.context.clock.monotonic();
    this.#greeting = greeting === null ? null : new PeerGreetingReader();
    service.stats.downstream_cx_total++;
    const onBytes = (buffer: Buffer, start: number, end: number): void => this.#onDownstreamBytes(buffer, start, end);
    downstream.on('data', (bytes: Buffer) => onBytes(bytes, 0, bytes.length));
    readIntoSharedBuffer(downstream, onBytes, () => this.#toUpstream?.nextBuffer() ?? readBuffer);
    downstream.on('end', () => this.#upstream?.end());
    downstream.on('drain', () => this.#toDownstream?.drained());
    downstream.on('error', () => downstream.destroy());
    downstream.on('close', () => this.#end());
    // Nothing is read until there is somewhere to write it.
    downstream.pause();
    if (greeting !== null) downstream.write(greeting);
    const name = pickWeighted(service);
    this.cluster = name === null ? null : service.context.clusters.get(name);
    this.#connect();
  }

  get attempts(): number {
    return this.#tried.length;
  }

  get received(): number {
    return this.#toUpstream === null ? 0 : this.#toUpstream.bytes;
  }

  get sent(): number {
    return this.#toDownstream === null ? 0 : this.#toDownstream.bytes;
  }

  close(): void {
    this.#end();
  }

  #connect(): void {
    const { context, upstreams, config } = this.service;
    const cluster = this.cluster;
    if (cluster === null) {
      this.service.stats.downstream_cx_no_route++;
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
    this.host = host;
    this.#tried.push(host);
    const tls = host.tls === null ? null : context.tls.client(host.tls);
    if (host.tls !== null && tls === null) return this.#fail('UF');
    host.active++;
    cluster.activeConnections++;
    cluster.stats.upstream_cx_total++;
    this.#counted = true;
    if (cluster.config.connectTimeoutMs > 0) upstreams.arm(this.#lifeTimer, cluster.config.connectTimeoutMs);
    const alpn = host.tls === null ? [] : withExchange(host.tls.alpn);
    this.#upstream = connectUpstream(host, tls, undefined, this, alpn, headerFor(cluster, this.view));
    return undefined;
  }

  onConnected(principal: string): void {
    const { upstreams, config } = this.service;
    const upstream = this.#upstream as Socket;
    upstreams.wheel.disarm(this.#lifeTimer);
    this.#state = 'open';
    this.#toUpstream = new Pump(this.#downstream, upstream);
    this.#toDownstream = new Pump(upstream, this.#downstream);
    const { maxConnectionDurationMs } = config;
    if (maxConnectionDurationMs > 0) upstreams.wheel.arm(this.#lifeTimer, maxConnectionDurationMs, this.startMs);
    upstreams.arm(this.#reportTimer, REPORT_MS);
    const { tcpKeepalive } = (this.cluster as Cluster).config;
    if (tcpKeepalive !== null) keepAlive(upstream, tcpKeepalive);
    this.host?.outlier?.connected(true);
    this.principal = principal;
    // Who calls is in the first bytes, where it is told at all.
    if (this.#greeting === null) this.#report.opened(this);
    this.#active();
    for (const bytes of this.#early.splice(0)) this.#onDownstreamBytes(bytes, 0, bytes.length);
    if (this.#downstream.readableEnded) upstream.end();
    this.#downstream.resume();
  }

  #onDownstreamBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'closed') return;
    if (this.#toUpstream === null) {
      this.#early.push(Buffer.from(buffer.subarray(start, end)));
      return;
    }
    if (this.#silent) this.#firstBytes('client');
    if (this.#greeting !== null) this.#greet(this.#greeting, buffer, start, end);
    else this.#toUpstream.push(buffer, start, end);
    this.#active();
  }

  #greet(greeting: PeerGreetingReader, buffer: Buffer, start: number, end: number): void {
    const rest = greeting.push(buffer, start, end);
    if (rest === null) return;
    this.#greeting = null;
    this.peer = greeting.peer;
    this.#report.opened(this);
    if (rest.length > 0) this.#toUpstream?.push(rest, 0, rest.length);
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'closed') return;
    if (this.#silent) this.#firstBytes('server');
    this.#toDownstream?.push(buffer, start, end);
    this.#active();
  }

  #firstBytes(from: 'client' | 'server'): void {
    this.#silent = false;
    if (from === 'client') this.service.serverFirst?.clientSpoke();
    else this.service.serverFirst?.serverSpoke();
  }

  nextBuffer(): Buffer {
    return this.#toDownstream?.nextBuffer() ?? readBuffer;
  }

  onSession(): void {}

  onEof(): void {
    if (this.#state === 'open') this.#downstream.end();
  }

  onDrain(): void {
    this.#toUpstream?.drained();
  }

  onClosed(error: Error | null): void {
    this.#endCount();
    if (this.#state === 'connecting') {
      const { stats } = this.cluster as Cluster;
      stats.upstream_cx_connect_fail++;
      if (error === connectTimeout) stats.upstream_cx_connect_timeout++;
      this.service.upstreams.wheel.disarm(this.#lifeTimer);
      this.host?.outlier?.failed(error === connectTimeout ? 'timeout' : 'connect');
      this.#connect();
    } else this.#end();
  }

  onTimer(kind: string): void {
    if (this.#state === 'connecting') this.#upstream?.destroy(connectTimeout);
    else if (this.#state === 'closed') this.#destroy();
    else if (kind === 'report') {
      this.#report.opened(this);
      this.#report.progress(this);
      this.service.upstreams.arm(this.#reportTimer, REPORT_MS);
    } else if (kind === 'life') {
      this.service.stats.max_downstream_connection_duration++;
      this.#fail('DT');
    } else {
      this.service.stats.idle_timeout++;
      this.#end();
    }
  }

  #destroy(): void {
    this.#downstream.destroy();
    this.#upstream?.destroy();
  }

  #active(): void {
    const { config, upstreams } = this.service;
    if (config.idleTimeoutMs > 0) upstreams.arm(this.#idleTimer, config.idleTimeoutMs);
  }

  #fail(flags: string): void {
    this.flags = flags;
    this.#end();
  }

  #endCount(): void {
    if (!this.#counted) return;
    this.#counted = false;
    (this.host as Host).active--;
    (this.cluster as Cluster).activeConnections--;
  }

  #end(): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    const { upstreams } = this.service;
    upstreams.wheel.disarm(this.#idleTimer);
    upstreams.wheel.disarm(this.#lifeTimer);
    upstreams.wheel.disarm(this.#reportTimer);
    if (wasOpen) {
      // What was taken is still delivered, to whoever reads it in time.
      this.#downstream.destroySoon();
      this.#upstream?.destroySoon();
      upstreams.arm(this.#idleTimer, LINGER_MS);
    } else this.#destroy();
    this.#endCount();
    const { stats } = this.service;
    const { received, sent } = this;
    stats.downstream_cx_rx_bytes_total += received;
    stats.downstream_cx_tx_bytes_total += sent;
    if (wasOpen && this.cluster !== null) {
      this.cluster.stats.upstream_cx_destroy++;
      this.cluster.stats.upstream_cx_rx_bytes_total += sent;
      this.cluster.stats.upstream_cx_tx_bytes_total += received;
    }
    this.#report.closed(this);
    this.#onClosed(this);
  }
}

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
