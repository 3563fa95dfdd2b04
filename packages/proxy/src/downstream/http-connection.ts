import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionView } from '@weft/traffic/request';
import { DownstreamPeer } from '../router/downstream-port.ts';
import type { HttpService } from '../router/http-service.ts';
import { readIntoSharedBuffer } from '../shared-read-buffer.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http2Connection } from './http2-connection.ts';
import { looksLikeHttp2 } from './http2-preface.ts';

/** Where a connection finds the configuration its next request starts with. */
export interface ServiceSlot {
  /** Null: the filter chain the connection was accepted by is no more; it closes after the current request. */
  readonly service: HttpService | null;
  /** It goes on for now, but each answer asks its client to close the connection. */
  readonly draining: boolean;
}

export interface DownstreamSecurity {
  readonly tls: boolean;
  /** Its element of `x-forwarded-client-cert`; empty without mTLS. */
  readonly clientCert: string;
}

/** One HTTP version on a client's connection. After `onClosed` nothing is called any more. */
export interface HttpCodec {
  /** Requests under way. */
  readonly active: number;
  /** Valid during the call only. */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** The socket takes bytes again. */
  onDrain(): void;
  /** The client sends no more. */
  onEof(): void;
  /** No new requests: closes now, or after those under way. */
  drain(): void;
  onClosed(): void;
}

/** After the last response the client may still be sending: so long we read on, or a reset could destroy the response. */
const LINGER_MS = 1000;

/** A client's connection: what all HTTP versions have in common. Which one it speaks, ALPN says, else its first bytes. */
export class HttpConnection implements TimerTarget {
  readonly socket: Socket;
  readonly peer: DownstreamPeer;
  /** That of its beginning; requests have the one of their own. */
  readonly service: HttpService;
  readonly slot: ServiceSlot;
  readonly #onClosed: (connection: HttpConnection) => void;
  readonly #timer = new WheelTimer(this, 'connection');
  #codec: HttpCodec | null = null;
  /** It speaks HTTP/1, and has been silent for so long that all that a request takes was let go. */
  #parked = false;
  /** Of a beginning that could be that of either version. */
  #held: Buffer | null = null;
  #closing = false;
  #draining = false;
  readonly #startMs: number;
  /** Until the connection has lasted as long as it may; null where it may for ever. */
  #lifeTimer: WheelTimer | null = null;

  constructor(
    socket: Socket,
    view: ConnectionView,
    security: DownstreamSecurity,
    slot: ServiceSlot,
    service: HttpService,
    onClosed: (connection: HttpConnection) => void,
  ) {
    this.socket = socket;
    this.peer = new DownstreamPeer(view, security.clientCert, security.tls);
    this.slot = slot;
    this.service = service;
    this.#onClosed = onClosed;
    this.#startMs = service.context.clock.monotonic();
    this.#count(1);
    const onBytes = (buffer: Buffer, start: number, end: number): void => this.#onBytes(buffer, start, end);
    socket.on('data', (bytes: Buffer) => onBytes(bytes, 0, bytes.length));
    readIntoSharedBuffer(socket, onBytes);
    socket.on('end', () => this.#onEof());
    socket.on('drain', () => this.#codec?.onDrain());
    socket.on('close', () => this.#closed());
    const { codec, connectionIdleTimeoutMs, maxConnectionDurationMs } = service.manager;
    const alpn = security.tls ? (socket as TLSSocket).alpnProtocol : null;
    if (codec === 'http2' || (codec === 'auto' && alpn === 'h2')) this.#codec = new Http2Connection(this);
    else if (codec === 'http1' || alpn === 'http/1.1') this.#codec = new Http1Connection(this, false);
    else if (connectionIdleTimeoutMs > 0) service.upstreams.arm(this.#timer, connectionIdleTimeoutMs);
    if (maxConnectionDurationMs > 0) {
      this.#lifeTimer = new WheelTimer(this, 'life');
      service.upstreams.arm(this.#lifeTimer, maxConnectionDurationMs);
    }
  }

  /** It may take another request. */
  get keepAlive(): boolean {
    return (
      !this.#draining && !this.slot.draining && !this.service.context.overload.shedding && this.slot.service !== null
    );
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** No new requests: closes now, or after those under way. */
  drain(): void {
    if (this.#draining || this.#closing) return;
    this.#draining = true;
    this.service.stats.downstream_cx_drain_close++;
    if (this.#codec === null) this.close();
    else this.#codec.drain();
  }

  /**
   * Of an HTTP/1 connection on which nothing happens: keeps the socket and what is known of the peer, and lets the rest
   * go until bytes come. `idleMs`: for so long; 0 is for ever.
   */
  park(idleMs: number): void {
    this.#codec = null;
    this.#parked = true;
    if (idleMs > 0) this.service.upstreams.arm(this.#timer, idleMs);
  }

  /** Everything is said. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.socket.resume();
    this.socket.end();
    this.#linger();
  }

  /** As `close`, but the client may send what it likes. */
  destroySoon(): void {
    this.#closing = true;
    this.socket.destroySoon();
    this.#linger();
  }

  #linger(): void {
    this.service.upstreams.wheel.disarm(this.#timer);
    this.service.upstreams.arm(this.#timer, LINGER_MS);
  }

  onTimer(kind: string): void {
    if (kind === 'life') {
      this.service.stats.downstream_cx_max_duration_reached++;
      this.drain();
    } else if (this.#closing) this.socket.destroy();
    else if (this.#held !== null) {
      this.service.stats.downstream_rq_header_timeout++;
      this.close();
    } else {
      this.service.stats.downstream_cx_idle_timeout++;
      this.close();
    }
  }

  #onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#closing) return;
    if (this.#codec !== null) this.#codec.onBytes(buffer, start, end);
    else if (this.#parked) {
      this.#parked = false;
      this.service.upstreams.wheel.disarm(this.#timer);
      this.#codec = new Http1Connection(this, true);
      this.#codec.onBytes(buffer, start, end);
    } else this.#firstBytes(buffer, start, end);
  }

  /** As Envoy's codec type AUTO: HTTP/2 by its preface, everything else is HTTP/1. */
  #firstBytes(buffer: Buffer, start: number, end: number): void {
    const held = this.#held;
    const bytes = held === null ? buffer : Buffer.concat([held, buffer.subarray(start, end)]);
    const from = held === null ? start : 0;
    const to = held === null ? end : bytes.length;
    const http2 = looksLikeHttp2(bytes, from, to);
    if (http2 === 'more') {
      this.#held = Buffer.from(bytes.subarray(from, to));
      const { upstreams, manager } = this.service;
      if (held !== null) return;
      upstreams.wheel.disarm(this.#timer);
      if (manager.requestHeadersTimeoutMs > 0) upstreams.arm(this.#timer, manager.requestHeadersTimeoutMs);
      return;
    }
    this.#held = null;
    this.service.upstreams.wheel.disarm(this.#timer);
    this.#codec = http2 === 'yes' ? new Http2Connection(this) : new Http1Connection(this, false);
    this.#codec.onBytes(bytes, from, to);
  }

  #onEof(): void {
    if (this.#closing || this.#codec === null) this.socket.destroySoon();
    else this.#codec.onEof();
  }

  /** One more, or one less. */
  #count(change: 1 | -1): void {
    const { stats } = this.service;
    stats.downstream_cx_active += change;
    if (this.peer.tls) stats.downstream_cx_ssl_active += change;
    if (change === -1) return;
    stats.downstream_cx_total++;
    if (this.peer.tls) stats.downstream_cx_ssl_total++;
  }

  #closed(): void {
    this.#count(-1);
    const { stats, context, upstreams } = this.service;
    const { socket } = this;
    stats.downstream_cx_rx_bytes_total += socket.bytesRead;
    stats.downstream_cx_tx_bytes_total += socket.bytesWritten;
    stats.downstream_cx_length_ms.record(context.clock.monotonic() - this.#startMs);
    stats.downstream_cx_destroy++;
    if (this.#closing) stats.downstream_cx_destroy_local++;
    else stats.downstream_cx_destroy_remote++;
    if (this.#codec !== null && this.#codec.active > 0) {
      stats.downstream_cx_destroy_active_rq++;
      if (this.#closing) stats.downstream_cx_destroy_local_active_rq++;
      else stats.downstream_cx_destroy_remote_active_rq++;
    }
    upstreams.wheel.disarm(this.#timer);
    if (this.#lifeTimer !== null) upstreams.wheel.disarm(this.#lifeTimer);
    this.#closing = true;
    if (this.#parked) stats.downstream_cx_http1_active--;
    this.#codec?.onClosed();
    this.#onClosed(this);
  }
}
