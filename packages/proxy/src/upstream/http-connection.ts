import type { Socket } from 'node:net';
import type { MessageSink } from '@weft/wire/http1/message-reader';
import type { ResponseHead } from '@weft/wire/http1/response-head';
import { ResponseReader } from '@weft/wire/http1/response-reader';
import type { WireError } from '@weft/wire/http1/wire-error';
import { writeRequestHead } from '@weft/wire/http1/write-head';
import type { ClientTls } from '../context.ts';
import { MessageWriter } from '../router/message-writer.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import { type ConnectionEvents, connectUpstream, type TlsSession } from './connect.ts';
import type { HostPool } from './host-pool.ts';
import type { OutgoingRequest, ResponseSink, UpstreamStream } from './upstream-stream.ts';

/** What an upstream may send as a head: Envoy's default for responses. */
const responseLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/** Of a response nobody wants any more: up to this much is read to keep the connection. */
const DISCARD_BYTES = 64 * 1024;

/** One HTTP/1 connection to a host; serves one exchange after the other, each of which has it as its stream. */
export class UpstreamConnection implements UpstreamStream, MessageSink<ResponseHead>, ConnectionEvents, TimerTarget {
  readonly protocol = 'HTTP/1.1';
  readonly unprocessed = false;
  readonly pool: HostPool;
  readonly socket: Socket;
  readonly #writer: MessageWriter;
  /** What it was made with; a rotated certificate or changed configuration makes another. */
  readonly tlsKey: string;
  readonly timer = new WheelTimer(this, 'connection');
  #reader = new ResponseReader(this, responseLimits);
  #sink: ResponseSink | null = null;
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
  /** Something of the current response has come. */
  #responseStarted = false;
  #requestComplete = false;
  #discard = 0;
  #serverIdleMs = 0;
  #tunnel = false;
  /** Trailers of a response that is complete, until the bytes at hand are looked at to their end. */
  #ended: readonly string[] | null = null;

  constructor(pool: HostPool, tls: ClientTls | null, tlsKey: string, createdMs: number) {
    this.pool = pool;
    this.tlsKey = tlsKey;
    this.createdMs = createdMs;
    this.socket = connectUpstream(pool.host, tls, pool.session(tlsKey), this);
    this.#writer = new MessageWriter(this.socket);
  }

  /** How long it may be idle: our own limit, or just less than what the server said (`keep-alive: timeout`). */
  idleMs(configuredMs: number): number {
    if (this.#serverIdleMs === 0) return configuredMs;
    return configuredMs === 0 ? this.#serverIdleMs : Math.min(configuredMs, this.#serverIdleMs);
  }

  // ─── UpstreamStream: what the exchange wants ───

  get localAddress(): string {
    const { localAddress = '', localPort } = this.socket;
    return `${localAddress}:${localPort ?? ''}`;
  }

  get stale(): boolean {
    return this.requests > 1 && !this.#responseStarted;
  }

  get blocked(): boolean {
    return this.#writer.blocked;
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  get readingPaused(): boolean {
    return this.socket.isPaused();
  }

  request(sink: ResponseSink, request: OutgoingRequest): void {
    const { method, path, host, headers, extra, openEnded, upgrade } = request;
    this.#begin(sink, method);
    this.#writer.head(writeRequestHead(method, path, host, headers, extra, openEnded, upgrade), openEnded);
  }

  connect(sink: ResponseSink): void {
    this.#begin(sink, 'CONNECT');
    this.openTunnel();
  }

  #begin(sink: ResponseSink, method: string): void {
    this.#sink = sink;
    this.requests++;
    this.#responseStarted = false;
    this.#requestComplete = false;
    this.#reader.expect(method);
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#writer.data(buffer, start, end);
  }

  end(trailers: readonly string[]): void {
    this.#requestComplete = true;
    this.#writer.end(trailers);
  }

  flush(): void {
    this.#writer.flush();
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  openTunnel(): void {
    this.draining = true;
    this.#tunnel = true;
    this.#responseStarted = true;
    this.#reader.tunnel();
  }

  endWriting(): void {
    this.socket.end();
  }

  /** A response that is small and on its way is read, so as to keep the connection. */
  abandon(): void {
    if (this.#sink !== null && !this.#tunnel) this.pool.cluster.stats.upstream_rq_tx_reset++;
    this.#sink = null;
    this.#writer.reset();
    if (this.#requestComplete && this.#responseStarted && !this.draining) this.#discard = DISCARD_BYTES;
    else this.socket.destroy();
    this.socket.resume();
  }

  // ─── the connection ───

  /** Now if it is idle, else after its exchange; one that is being made still serves who waits for it. */
  close(): void {
    this.draining = true;
    if (this.#sink === null && this.state !== 'connecting') this.socket.destroy();
  }

  onTimer(): void {
    if (this.state === 'connecting') this.socket.destroy(new Error('connection timeout'));
    else if (this.#sink === null) {
      this.pool.cluster.stats.upstream_cx_idle_timeout++;
      this.close();
    }
  }

  onConnected(principal: string): void {
    this.state = 'open';
    this.principal = principal;
    this.pool.connected(this);
  }

  onSession(session: TlsSession): void {
    this.pool.keepSession(this.tlsKey, session);
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#sink === null && this.#discard === 0) {
      // A server that speaks unasked: a 408 before it closes, or worse. Either way it is of no use any more.
      this.close();
      return;
    }
    this.#responseStarted = true;
    this.#reader.push(buffer, start, end);
    if (this.#ended !== null) this.#settle(this.#ended);
    else this.#sink?.onResponseFlush();
  }

  onEof(): void {
    this.draining = true;
    this.endedByHost = true;
    this.#reader.finish();
    if (this.#ended !== null) this.#settle(this.#ended);
    if (this.#sink === null || !this.#responseStarted) this.socket.destroy();
  }

  onDrain(): void {
    this.#sink?.onUpstreamDrain();
  }

  onClosed(error: Error | null): void {
    const wasConnecting = this.state === 'connecting';
    this.state = 'closed';
    const sink = this.#sink;
    this.busy = sink !== null;
    this.endedByHost ||= error !== null;
    this.#sink = null;
    this.#reader.stop();
    this.pool.closed(this, wasConnecting, error);
    sink?.onReset('connection termination');
  }

  onHead(head: ResponseHead): void {
    if (head.status >= 200 && !head.keepAlive) {
      this.draining = true;
      this.pool.cluster.stats.upstream_cx_close_notify++;
    }
    if (head.keepAliveTimeoutS > 0) this.#serverIdleMs = Math.max(500, head.keepAliveTimeoutS * 1000 - 1000);
    this.#sink?.onResponseHead(head);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    if (this.#sink !== null) {
      this.#sink.onResponseData(buffer, start, end);
      return;
    }
    this.#discard -= end - start;
    if (this.#discard <= 0) this.close();
  }

  onEnd(trailers: readonly string[]): void {
    // Half closed: what the client still sends goes on. The exchange abandons us when both are done.
    if (this.#tunnel) this.#sink?.onResponseEnd(trailers);
    else this.#ended = trailers;
  }

  #settle(trailers: readonly string[]): void {
    const sink = this.#sink;
    this.#ended = null;
    if (this.#reader.heldBytes > 0) {
      // More than one answer to one request: the next request must not take it for its own.
      this.draining = true;
      this.pool.cluster.stats.upstream_cx_protocol_error++;
    }
    // The connection goes back first, so that what follows from the end of this exchange may use it.
    this.#sink = null;
    this.#discard = 0;
    if (this.#requestComplete && !this.draining) this.pool.release(this);
    else this.socket.destroy();
    sink?.onResponseEnd(trailers);
  }

  onError(_error: WireError): void {
    const sink = this.#sink;
    this.#sink = null;
    this.pool.cluster.stats.upstream_cx_protocol_error++;
    this.socket.destroy();
    sink?.onReset('protocol error');
  }
}
