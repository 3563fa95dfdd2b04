import type { MessageSink } from '@weft/wire/http1/message-reader';
import type { ResponseHead } from '@weft/wire/http1/response-head';
import { ResponseReader } from '@weft/wire/http1/response-reader';
import type { WireError } from '@weft/wire/http1/wire-error';
import { writeRequestHead } from '@weft/wire/http1/write-head';
import { MessageWriter } from '../router/message-writer.ts';
import type { Speaker } from './speaker.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import type { OutgoingRequest, ResponseSink, UpstreamStream } from './upstream-stream.ts';

/** What an upstream may send as a head: Envoy's default for responses. */
const responseLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/** Of a response nobody wants any more: up to this much is read to keep the connection. */
const DISCARD_BYTES = 64 * 1024;

/** HTTP/1 on a connection: one exchange after the other, each of which has it as its stream. */
export class Http1Stream implements UpstreamStream, Speaker, MessageSink<ResponseHead> {
  readonly protocol = 'HTTP/1.1';
  readonly unprocessed = false;
  readonly #connection: UpstreamConnection;
  readonly #writer: MessageWriter;
  readonly #reader = new ResponseReader(this, responseLimits);
  #sink: ResponseSink | null = null;
  /** Something of the current response has come. */
  #responseStarted = false;
  #requestComplete = false;
  #discard = 0;
  #serverIdleMs = 0;
  #tunnel = false;
  /** Trailers of a response that is complete, until the bytes at hand are looked at to their end. */
  #ended: readonly string[] | null = null;

  constructor(connection: UpstreamConnection) {
    this.#connection = connection;
    this.#writer = new MessageWriter(connection.socket);
  }

  // ─── UpstreamStream: what the exchange wants ───

  get principal(): string {
    return this.#connection.principal;
  }

  get localAddress(): string {
    return this.#connection.localAddress;
  }

  get stale(): boolean {
    return this.#connection.requests > 1 && !this.#responseStarted;
  }

  get blocked(): boolean {
    return this.#writer.blocked;
  }

  get bufferedBytes(): number {
    return this.#connection.socket.writableLength;
  }

  get readingPaused(): boolean {
    return this.#connection.socket.isPaused();
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
    this.#connection.requests++;
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
    this.#connection.socket.pause();
  }

  resumeReading(): void {
    this.#connection.socket.resume();
  }

  openTunnel(): void {
    this.#connection.draining = true;
    this.#tunnel = true;
    this.#responseStarted = true;
    this.#reader.tunnel();
  }

  endWriting(): void {
    this.#connection.socket.end();
  }

  /** A response that is small and on its way is read, so as to keep the connection. */
  abandon(): void {
    const { socket, group, draining } = this.#connection;
    if (this.#sink !== null && !this.#tunnel) group.pool.cluster.stats.upstream_rq_tx_reset++;
    this.#sink = null;
    this.#writer.reset();
    if (this.#requestComplete && this.#responseStarted && !draining) this.#discard = DISCARD_BYTES;
    else socket.destroy();
    socket.resume();
  }

  // ─── Speaker ───

  get active(): number {
    return this.#sink === null ? 0 : 1;
  }

  /** Our own limit, or just less than what the server said (`keep-alive: timeout`). */
  idleMs(configuredMs: number): number {
    if (this.#serverIdleMs === 0) return configuredMs;
    return configuredMs === 0 ? this.#serverIdleMs : Math.min(configuredMs, this.#serverIdleMs);
  }

  onDraining(): void {}

  close(): void {
    this.#connection.socket.destroy();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#sink === null && this.#discard === 0) {
      // A server that speaks unasked: a 408 before it closes, or worse. Either way it is of no use any more.
      this.#connection.close();
      return;
    }
    this.#responseStarted = true;
    this.#reader.push(buffer, start, end);
    if (this.#ended !== null) this.#settle(this.#ended);
    else this.#sink?.onResponseFlush();
  }

  onEof(): void {
    this.#reader.finish();
    if (this.#ended !== null) this.#settle(this.#ended);
    if (this.#sink === null || !this.#responseStarted) this.#connection.socket.destroy();
  }

  onDrain(): void {
    this.#sink?.onUpstreamDrain();
  }

  onClosed(): void {
    const sink = this.#sink;
    this.#sink = null;
    this.#reader.stop();
    sink?.onReset('connection termination');
  }

  // ─── MessageSink: what is read ───

  onHead(head: ResponseHead): void {
    if (head.status >= 200 && !head.keepAlive) {
      this.#connection.draining = true;
      this.#connection.group.pool.cluster.stats.upstream_cx_close_notify++;
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
    if (this.#discard <= 0) this.#connection.socket.destroy();
  }

  onEnd(trailers: readonly string[]): void {
    // Half closed: what the client still sends goes on. The exchange abandons us when both are done.
    if (this.#tunnel) this.#sink?.onResponseEnd(trailers);
    else this.#ended = trailers;
  }

  #settle(trailers: readonly string[]): void {
    const connection = this.#connection;
    const sink = this.#sink;
    this.#ended = null;
    if (this.#reader.heldBytes > 0) {
      // More than one answer to one request: the next request must not take it for its own.
      connection.draining = true;
      connection.group.pool.cluster.stats.upstream_cx_protocol_error++;
    }
    // The connection goes back first, so that what follows from the end of this exchange may use it.
    this.#sink = null;
    this.#discard = 0;
    if (this.#requestComplete && !connection.draining) connection.group.release(connection);
    else connection.socket.destroy();
    sink?.onResponseEnd(trailers);
  }

  onError(_error: WireError): void {
    const sink = this.#sink;
    this.#sink = null;
    this.#connection.group.pool.cluster.stats.upstream_cx_protocol_error++;
    this.#connection.socket.destroy();
    sink?.onReset('protocol error');
  }
}
