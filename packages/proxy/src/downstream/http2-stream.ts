import { CONNECTION_LOST, errorCodes } from '@weft/wire/http2/error-codes';
import type { Http2StreamSink } from '@weft/wire/http2/events';
import type { Http2RequestHead } from '@weft/wire/http2/heads';
import type { Http2Stream } from '@weft/wire/http2/stream';
import { headerValue } from '@weft/traffic/request';
import { websocketKey } from '../headers/random-ids.ts';
import type { DownstreamPeer, DownstreamPort, IncomingRequest } from '../router/downstream-port.ts';
import { Exchange } from '../router/exchange.ts';
import type { HttpService } from '../router/http-service.ts';
import { downstreamViolation, remoteReset } from '../router/outcome.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { Http2Connection } from './http2-connection.ts';

const noPairs: readonly string[] = [];

/**
 * idle ─► open ─► (tunnel: what comes before it is open is held) ─► open ─► sent ─► idle
 *
 * `sent`: the exchange is over, but the client has not taken all of its response yet.
 */
type State = 'idle' | 'open' | 'beforeTunnel' | 'sent';

/**
 * One request of an HTTP/2 connection, as its exchange sees it; used again for others. The response's head waits for the
 * first bytes of the body or for the end, so that one frame says both.
 */
export class DownstreamStream implements DownstreamPort, Http2StreamSink, IncomingRequest, TimerTarget {
  readonly protocol = 'HTTP/2';
  readonly peer: DownstreamPeer;
  readonly #connection: Http2Connection;
  readonly #exchange: Exchange;
  readonly #timer = new WheelTimer(this, 'unsent');
  #stream: Http2Stream | null = null;
  #state: State = 'idle';
  #touched = false;
  /** Of a response whose head waits; 0: none. */
  #status = 0;
  #headers: readonly string[] = noPairs;
  #neverIndexed: readonly string[] | null = null;
  /** Of a tunnel that is not open yet: what the client has sent already, and whether that was all. */
  #early: Buffer[] = [];
  #earlyEnd = false;
  /** The client's WebSocket handshake had no key, so it does not look for its answer. */
  #ownKey = false;
  // IncomingRequest
  method = '';
  target = '';
  host = '';
  headers: string[] = [];
  upgrade = '';
  bytes = 0;
  neverIndexed: readonly string[] | null = null;

  constructor(connection: Http2Connection, service: HttpService) {
    this.#connection = connection;
    this.peer = connection.peer;
    this.#exchange = new Exchange(this, service);
  }

  begin(stream: Http2Stream, head: Http2RequestHead, service: HttpService): void {
    this.#stream = stream;
    stream.sink = this;
    this.#status = 0;
    this.#ownKey = false;
    this.method = head.method;
    this.target = head.method === 'CONNECT' && head.protocol === '' ? head.authority : head.path;
    this.host = head.authority;
    this.headers = head.headers;
    this.upgrade = '';
    this.bytes = head.bytes;
    this.neverIndexed = head.neverIndexed;
    this.#touch();
    if (head.method === 'CONNECT') this.#beginTunnel(head, service);
    else {
      this.#state = 'open';
      this.#exchange.begin(this, !head.endStream && head.contentLength === -1, head.endStream, service);
    }
  }

  /**
   * The exchange sees it as HTTP/1.1 has it (RFC 8441 section 5): a request without a body that asks for an upgrade, and
   * bytes of the tunnel once that is open.
   */
  #beginTunnel(head: Http2RequestHead, service: HttpService): void {
    this.#state = 'beforeTunnel';
    if (head.protocol !== '') {
      this.method = 'GET';
      this.upgrade = head.protocol.toLowerCase();
      if (this.upgrade === 'websocket' && headerValue(head.headers, 'sec-websocket-key') === undefined) {
        this.#ownKey = true;
        head.headers.push('sec-websocket-key', websocketKey());
      }
    }
    (this.#stream as Http2Stream).pauseReading();
    this.#exchange.begin(this, false, true, service);
  }

  /** All that came is with the exchange. */
  flushRequest(): void {
    this.#touched = false;
    if (this.#exchange.active) this.#exchange.onRequestFlush();
  }

  #touch(): void {
    if (this.#touched) return;
    this.#touched = true;
    this.#connection.touched(this);
  }

  // ─── Http2StreamSink: what the client sends ───

  onData(buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'open') {
      this.#touch();
      this.#exchange.onRequestData(buffer, start, end);
    } else if (this.#state === 'beforeTunnel') this.#early.push(Buffer.from(buffer.subarray(start, end)));
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#state === 'open') {
      this.#touch();
      this.#exchange.onRequestEnd(trailers);
    } else if (this.#state === 'beforeTunnel') this.#earlyEnd = true;
  }

  onReset(code: number, remote: boolean): void {
    const wasOpen = this.#state === 'open' || this.#state === 'beforeTunnel';
    if (wasOpen && code === CONNECTION_LOST) this.#exchange.onDownstreamClosed();
    else if (wasOpen) this.#exchange.onDownstreamClosed(remote ? remoteReset : downstreamViolation);
    this.#finish();
  }

  onWritable(): void {
    if (this.#state !== 'sent') this.#exchange.onDownstreamDrain();
  }

  // ─── DownstreamPort: what the exchange wants ───

  get blocked(): boolean {
    return this.#stream?.blocked ?? false;
  }

  informational(status: number, _reason: string, headers: readonly string[]): void {
    this.#stream?.informational(status, headers);
  }

  respond(
    status: number,
    _reason: string,
    headers: readonly string[],
    _openEnded: boolean,
    upgrade: string,
    neverIndexed: readonly string[] | null,
  ): void {
    this.#neverIndexed = neverIndexed;
    this.#headers = headers;
    this.#status = status;
    if (upgrade === '' || status !== 101) return;
    this.#status = 200;
    if (this.#ownKey) this.#headers = headers.filter((_, i) => headers[i & ~1] !== 'sec-websocket-accept');
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#status !== 0) this.#writeHead(false);
    this.#stream?.data(buffer, start, end);
  }

  end(trailers: readonly string[]): void {
    const last = trailers.length === 0;
    if (this.#status === 0) this.#stream?.end(trailers);
    else {
      this.#writeHead(last);
      if (!last) this.#stream?.end(trailers);
    }
  }

  flush(): void {
    if (this.#status !== 0) this.#writeHead(false);
  }

  #writeHead(endStream: boolean): void {
    this.#stream?.respond(this.#status, this.#headers, noPairs, endStream, this.#neverIndexed);
    this.#status = 0;
  }

  pauseReading(): void {
    this.#stream?.pauseReading();
  }

  resumeReading(): void {
    if (this.#state === 'open') this.#stream?.resumeReading();
  }

  lastExchange(): void {
    // The next request has a stream of its own.
  }

  discardsRest(): boolean {
    this.exchangeEnded();
    return false;
  }

  exchangeEnded(): void {
    const stream = this.#stream as Http2Stream;
    // A tunnel ends without a word.
    if (!stream.localEnded) stream.end(noPairs);
    // RFC 9113 section 8.1: the client is to stop sending what nobody wants any more.
    if (!stream.remoteEnded) stream.resetWhenSent(errorCodes.NO_ERROR);
    if (stream.closed) {
      this.#finish();
      return;
    }
    this.#state = 'sent';
    const { manager, upstreams } = this.#connection.service;
    if (manager.streamIdleTimeoutMs > 0) upstreams.arm(this.#timer, manager.streamIdleTimeoutMs);
  }

  /** The client has taken everything, and sends no more itself. */
  onSent(): void {
    if (this.#state === 'sent') this.#finish();
  }

  destroy(): void {
    this.#stream?.reset(errorCodes.INTERNAL_ERROR);
    this.#finish();
  }

  openTunnel(): void {
    this.flush();
    this.#state = 'open';
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) this.#exchange.onRequestData(bytes, 0, bytes.length);
    if (this.#earlyEnd) this.#exchange.onRequestEnd(noPairs);
  }

  endWriting(): void {
    this.#stream?.end(noPairs);
  }

  // ─── the end ───

  /** The client takes nothing of what is left of its response. */
  onTimer(): void {
    this.#connection.service.context.stats.http2.tx_flush_timeout++;
    this.#stream?.reset(errorCodes.CANCEL);
    this.#finish();
  }

  #finish(): void {
    if (this.#state === 'idle') return;
    if (this.#timer.armed) this.#connection.service.upstreams.wheel.disarm(this.#timer);
    this.#state = 'idle';
    if (this.#stream !== null) this.#stream.sink = finished;
    this.#stream = null;
    this.#early = [];
    this.#earlyEnd = false;
    this.#connection.release(this);
  }
}

/** Of streams whose exchange is over. */
const finished: Http2StreamSink = {
  onData() {},
  onEnd() {},
  onReset() {},
  onWritable() {},
};
