import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClientTls } from '../context.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import { type ConnectionEvents, connectUpstream, type TlsSession } from './connect.ts';
import { ownHeader } from './proxy-header.ts';
import type { ConnectionGroup } from './connection-group.ts';
import { Http1Stream } from './http1-stream.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Speaker } from './speaker.ts';

/** One connection to a host, from the attempt to make it to its end. Its HTTP version may be known once it is made. */
export class UpstreamConnection implements ConnectionEvents, TimerTarget {
  readonly group: ConnectionGroup;
  readonly socket: Socket;
  /** What it was made with; a rotated certificate or changed configuration makes another. */
  readonly tlsKey: string;
  /** Until it is made; then, while nothing is under way, until it has been idle for too long. */
  readonly timer = new WheelTimer(this, 'connection');
  /** Null while it is being made. */
  http1: Http1Stream | null = null;
  http2: Http2Connection | null = null;
  #speaker: Speaker | null = null;
  state: 'connecting' | 'open' | 'closed' = 'connecting';
  /** No further exchange: asked to close by either side, too old, or its certificate was rotated. */
  draining = false;
  /** Server's SPIFFE id, empty without mTLS. */
  principal = '';
  /** Monotonic; known where the cluster bounds the life of its connections. */
  openedMs = 0;
  /** Monotonic, when connecting began. */
  readonly createdMs: number;
  /** How it ended: by the host, and while an exchange had it. */
  endedByHost = false;
  busy = false;
  /** Exchanges it has had. */
  requests = 0;

  constructor(
    group: ConnectionGroup,
    tls: ClientTls | null,
    tlsKey: string,
    alpn: readonly string[],
    createdMs: number,
  ) {
    this.group = group;
    this.tlsKey = tlsKey;
    this.createdMs = createdMs;
    const { pool } = group;
    this.socket = connectUpstream(pool.host, tls, pool.session(tlsKey), this, alpn, ownHeader(pool.cluster));
  }

  get localAddress(): string {
    const { localAddress = '', localPort } = this.socket;
    return `${localAddress}:${localPort ?? ''}`;
  }

  get idle(): boolean {
    return this.#speaker === null || this.#speaker.active === 0;
  }

  idleMs(configuredMs: number): number {
    return this.#speaker === null ? configuredMs : this.#speaker.idleMs(configuredMs);
  }

  /** Now if nothing is under way, else when that is over; one that is being made still serves who waits for it. */
  close(): void {
    this.drain();
    if (this.state === 'open' && this.idle) this.#speaker?.close();
  }

  /** Takes nothing new. */
  drain(): void {
    if (this.draining) return;
    this.draining = true;
    this.group.draining(this);
    this.#speaker?.onDraining();
  }

  onTimer(): void {
    if (this.state === 'connecting') this.socket.destroy(new Error('connection timeout'));
    else if (this.idle) {
      this.group.pool.cluster.stats.upstream_cx_idle_timeout++;
      this.close();
    }
  }

  onConnected(principal: string): void {
    this.state = 'open';
    this.principal = principal;
    if (this.#speaksHttp2()) this.#speaker = this.http2 = new Http2Connection(this);
    else this.#speaker = this.http1 = new Http1Stream(this);
    this.group.connected(this);
  }

  /** What was asked for, or what the handshake agreed on. */
  #speaksHttp2(): boolean {
    const { kind } = this.group;
    return kind === 'http2' || (kind === 'auto' && (this.socket as TLSSocket).alpnProtocol === 'h2');
  }

  onSession(session: TlsSession): void {
    this.group.pool.keepSession(this.tlsKey, session);
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#speaker?.onBytes(buffer, start, end);
  }

  onEof(): void {
    this.endedByHost = true;
    this.drain();
    this.#speaker?.onEof();
  }

  onDrain(): void {
    this.#speaker?.onDrain();
  }

  onClosed(error: Error | null): void {
    const wasConnecting = this.state === 'connecting';
    this.state = 'closed';
    this.busy = !this.idle;
    this.endedByHost ||= error !== null;
    this.group.closed(this, wasConnecting, error);
    this.#speaker?.onClosed();
  }
}
