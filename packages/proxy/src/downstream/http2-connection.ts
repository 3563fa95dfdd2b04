import type { Socket } from 'node:net';
import { errorCodes } from '@weft/wire/http2/error-codes';
import type { Http2Output, Http2SessionEvents } from '@weft/wire/http2/events';
import type { Http2RequestHead } from '@weft/wire/http2/heads';
import { Http2Session } from '@weft/wire/http2/session';
import type { Http2Stream } from '@weft/wire/http2/stream';
import { flushLater } from '../http2/flush-turn.ts';
import { Keepalive } from '../http2/keepalive.ts';
import { sessionOptions } from '../http2/session-options.ts';
import type { DownstreamPeer } from '../router/downstream-port.ts';
import type { HttpService } from '../router/http-service.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { HttpCodec, HttpConnection } from './http-connection.ts';
import { DownstreamStream } from './http2-stream.ts';

/** Streams kept for the next requests of a connection, with their exchanges. */
const MAX_SPARE = 64;
/** After so long without a request what requests take is let go. */
const PARK_MS = 2000;
/** A client that does not answer the PING of a drain is not waited for longer. */
const DRAIN_ROUND_TRIP_MS = 1000;

/**
 * HTTP/2 on a client's connection: a stream, with an exchange of its own, for each request. What is answered within a turn
 * of the event loop is written as one.
 */
export class Http2Connection implements HttpCodec, Http2SessionEvents, Http2Output, TimerTarget {
  readonly peer: DownstreamPeer;
  readonly service: HttpService;
  readonly #connection: HttpConnection;
  readonly #socket: Socket;
  readonly #session: Http2Session;
  readonly #keepalive: Keepalive | null;
  readonly #timer = new WheelTimer(this, 'idle');
  readonly #drainTimer = new WheelTimer(this, 'drain');
  readonly #spare: DownstreamStream[] = [];
  /** Streams that got something of the bytes at hand. */
  readonly #touched: DownstreamStream[] = [];
  /** An unfinished frame or head is awaited. */
  #unfinished = false;
  /** The other side has heard of the drain, or had its time. */
  #drained = false;
  #failed = false;
  /** Idle for so long that nothing is kept for further requests. */
  #parked = false;

  constructor(connection: HttpConnection) {
    this.#connection = connection;
    this.peer = connection.peer;
    this.service = connection.service;
    this.#socket = connection.socket;
    const { manager, stats, context, upstreams } = this.service;
    const options = sessionOptions(manager.http2, {
      maxHeadBytes: manager.maxRequestHeadersBytes,
      maxHeaders: manager.maxRequestHeaders,
    });
    this.#session = new Http2Session('server', options, this, this, context.stats.http2);
    const { keepalive } = manager.http2;
    this.#keepalive =
      keepalive === null
        ? null
        : new Keepalive(keepalive, this.#session, upstreams, () => {
            context.stats.http2.keepalive_timeout++;
            connection.close();
          });
    stats.downstream_cx_http2_total++;
    stats.downstream_cx_http2_active++;
    this.#session.start();
    this.#waitForRequest();
  }

  get active(): number {
    return this.#session.activeStreams;
  }

  // ─── HttpCodec: what the socket tells ───

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#keepalive?.heard();
    this.#session.push(buffer, start, end);
    const touched = this.#touched;
    for (let i = 0; i < touched.length; i++) (touched[i] as DownstreamStream).flushRequest();
    touched.length = 0;
    if (this.#session.activeStreams === 0 && this.#session.unfinished !== this.#unfinished) this.#watchUnfinished();
  }

  onDrain(): void {
    this.#session.drained();
  }

  onEof(): void {
    this.#socket.destroySoon();
  }

  drain(): void {
    if (this.#session.draining) return;
    this.#session.drain();
    // Answered once the client has seen the warning, and its last requests are here.
    this.#session.ping();
    this.service.upstreams.arm(this.#drainTimer, DRAIN_ROUND_TRIP_MS);
  }

  onClosed(): void {
    const { stats, upstreams } = this.service;
    stats.downstream_cx_http2_active--;
    upstreams.wheel.disarm(this.#timer);
    upstreams.wheel.disarm(this.#drainTimer);
    this.#keepalive?.stop();
    this.#failed = true;
    this.#session.stop();
  }

  // ─── Http2SessionEvents: what the client's frames say ───

  onStream(stream: Http2Stream, head: Http2RequestHead): void {
    const { service } = this.#connection.slot;
    if (service === null) {
      stream.reset(errorCodes.REFUSED_STREAM);
      return;
    }
    const mine = this.#spare.pop() ?? new DownstreamStream(this, service);
    mine.begin(stream, head, service);
  }

  onStreamClosed(stream: Http2Stream): void {
    if (stream.sink instanceof DownstreamStream) stream.sink.onSent();
    if (this.#failed) return;
    if (!this.#connection.keepAlive) this.#connection.drain();
    if (this.#session.activeStreams > 0) return;
    if (this.#session.draining) this.#closeDrained();
    else this.#waitForRequest();
  }

  onGoaway(): void {
    // The client opens no more streams; it closes the connection when it has its answers.
  }

  onSettings(): void {}

  onPing(): void {
    this.#keepalive?.answered();
    if (this.#session.draining) this.#roundTripDone();
  }

  onSessionError(_code: number, _message: string): void {
    this.#failed = true;
    this.service.stats.downstream_cx_protocol_error++;
    this.#session.flush();
    this.#connection.close();
  }

  onDirty(session: Http2Session): void {
    flushLater(session);
  }

  // ─── Http2Output ───

  write(buffer: Buffer, written: () => void): boolean {
    return this.#socket.write(buffer, written);
  }

  // ─── what its streams want ───

  touched(stream: DownstreamStream): void {
    this.#touched.push(stream);
  }

  /** Nothing will be heard of it any more. */
  release(stream: DownstreamStream): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(stream);
  }

  // ─── time and end ───

  onTimer(kind: string): void {
    if (kind === 'drain') {
      this.#session.goaway(errorCodes.NO_ERROR);
      this.#roundTripDone();
    } else if (this.#session.activeStreams > 0) return;
    else if (this.#unfinished) {
      this.service.stats.downstream_rq_header_timeout++;
      this.#session.goaway(errorCodes.NO_ERROR);
      this.#session.flush();
      this.#connection.close();
    } else this.#idle();
  }

  #idle(): void {
    const { connectionIdleTimeoutMs } = this.service.manager;
    if (!this.#parked && (connectionIdleTimeoutMs === 0 || connectionIdleTimeoutMs > PARK_MS)) {
      this.#parked = true;
      this.#spare.length = 0;
      if (connectionIdleTimeoutMs > 0) this.service.upstreams.arm(this.#timer, connectionIdleTimeoutMs - PARK_MS);
      return;
    }
    this.service.stats.downstream_cx_idle_timeout++;
    this.#connection.drain();
  }

  #waitForRequest(): void {
    this.#unfinished = false;
    this.#parked = false;
    const { connectionIdleTimeoutMs: idleMs } = this.service.manager;
    this.service.upstreams.arm(this.#timer, idleMs > 0 && idleMs < PARK_MS ? idleMs : PARK_MS);
  }

  /** A frame or head that does not come to its end keeps a connection no longer than a head of HTTP/1 would. */
  #watchUnfinished(): void {
    this.#unfinished = !this.#unfinished;
    const { upstreams, manager } = this.service;
    upstreams.wheel.disarm(this.#timer);
    if (!this.#unfinished) this.#waitForRequest();
    else if (manager.requestHeadersTimeoutMs > 0) upstreams.arm(this.#timer, manager.requestHeadersTimeoutMs);
  }

  #roundTripDone(): void {
    this.#drained = true;
    this.service.upstreams.wheel.disarm(this.#drainTimer);
    if (this.#session.activeStreams === 0) this.#closeDrained();
  }

  #closeDrained(): void {
    if (!this.#drained) return;
    this.#session.flush();
    this.#connection.close();
  }
}
