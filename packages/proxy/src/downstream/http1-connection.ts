import type { Socket } from 'node:net';
import type { MessageSink } from '@weft/wire/http1/message-reader';
import type { RequestHead } from '@weft/wire/http1/request-head';
import { RequestReader } from '@weft/wire/http1/request-reader';
import type { WireError } from '@weft/wire/http1/wire-error';
import { writeResponseHead } from '@weft/wire/http1/write-head';
import type { DownstreamPeer, DownstreamPort } from '../router/downstream-port.ts';
import { Exchange } from '../router/exchange.ts';
import type { HttpService } from '../router/http-service.ts';
import { MessageWriter } from '../router/message-writer.ts';
import { type LocalReply, localReplies, protocolError } from '../router/outcome.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { HttpCodec, HttpConnection } from './http-connection.ts';

/** After so long without a request what a request takes is let go: 40 % of the memory of an idle connection. */
const PARK_MS = 2000;

/** HTTP/1 on a client's connection: requests one after the other, each by the configuration that is there when it begins. */
export class Http1Connection implements HttpCodec, MessageSink<RequestHead>, DownstreamPort, TimerTarget {
  readonly peer: DownstreamPeer;
  readonly #connection: HttpConnection;
  readonly #socket: Socket;
  readonly #writer: MessageWriter;
  readonly #reader: RequestReader;
  readonly #exchange: Exchange;
  readonly #service: HttpService;
  readonly #timer = new WheelTimer(this, 'idle');
  #paused = false;
  #headTimed = false;
  /** Of the request at hand: HTTP/1.`minor`, and whether the connection takes another one after it. */
  #minor = 1;
  #another = true;

  /** `parked`: it was there before, and is counted. */
  constructor(connection: HttpConnection, parked: boolean) {
    this.#connection = connection;
    this.peer = connection.peer;
    this.#socket = connection.socket;
    this.#service = connection.service;
    this.#writer = new MessageWriter(connection.socket);
    const { manager, stats } = this.#service;
    this.#reader = new RequestReader(this, {
      maxHeadBytes: manager.maxRequestHeadersBytes,
      maxHeaders: manager.maxRequestHeaders,
    });
    this.#exchange = new Exchange(this, this.#service);
    if (!parked) {
      stats.downstream_cx_http1_total++;
      stats.downstream_cx_http1_active++;
    }
    this.#waitForRequest();
  }

  get active(): number {
    return this.#exchange.active ? 1 : 0;
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#reader.push(buffer, start, end);
    if (this.#exchange.active) this.#exchange.onRequestFlush();
    // A pipelined request waits for the answer to the one before: do not gather more of them.
    if (this.#reader.heldBytes > 0) {
      if (this.#exchange.active) this.pauseReading();
      else this.#waitForHead();
    }
  }

  onDrain(): void {
    this.#exchange.onDownstreamDrain();
  }

  drain(): void {
    if (!this.#exchange.active) this.#close();
  }

  // ─── MessageSink: what the reader finds ───

  onHead(head: RequestHead): void {
    const service = this.#connection.slot.service;
    if (service === null) {
      this.#close();
      return;
    }
    this.#headTimed = false;
    this.#minor = head.minor;
    this.#another = head.keepAlive;
    service.upstreams.wheel.disarm(this.#timer);
    this.#exchange.begin(head, head.chunked, false, service);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#exchange.onRequestData(buffer, start, end);
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#exchange.active) this.#exchange.onRequestEnd(trailers);
  }

  /** Not HTTP: answered as Envoy does, and closed, as nobody knows where the next request would begin. */
  onError(error: WireError): void {
    const { stats } = this.#service;
    stats.downstream_cx_protocol_error++;
    if (error.status === 431) stats.downstream_rq_too_large++;
    if (this.#exchange.active) this.#exchange.onRequestError(protocolError(error));
    else this.#refuse(protocolError(error));
  }

  #refuse(reply: LocalReply): void {
    this.#minor = 1;
    this.#exchange.refuse(this.#service, reply);
    this.#close();
  }

  // ─── DownstreamPort: what the exchange wants ───

  get protocol(): 'HTTP/1.0' | 'HTTP/1.1' {
    return this.#minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
  }

  get blocked(): boolean {
    return this.#writer.blocked;
  }

  informational(status: number, reason: string, headers: readonly string[]): void {
    if (this.#minor === 0) return;
    this.#writer.head(writeResponseHead(1, status, reason, headers, false, true, ''), false);
    this.#writer.flush();
  }

  respond(status: number, reason: string, headers: readonly string[], openEnded: boolean, upgrade: string): void {
    if (upgrade === 'connect') {
      this.#another = true;
      this.#writer.head('HTTP/1.1 200 OK\r\n\r\n', false);
      return;
    }
    const chunked = openEnded && this.#minor === 1;
    this.#another = this.#another && this.#connection.keepAlive && chunked === openEnded;
    this.#writer.head(
      writeResponseHead(this.#minor, status, reason, headers, chunked, this.#another, upgrade),
      chunked,
    );
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#writer.data(buffer, start, end);
  }

  end(trailers: readonly string[]): void {
    this.#writer.end(trailers);
  }

  flush(): void {
    this.#writer.flush();
  }

  lastExchange(): void {
    this.#another = false;
  }

  discardsRest(): boolean {
    if (!this.#another) this.#close();
    return this.#another;
  }

  pauseReading(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  exchangeEnded(): void {
    if (!this.#another || !this.#connection.keepAlive) {
      this.#close();
      return;
    }
    this.#waitForRequest();
    this.resumeReading();
    this.#reader.next();
    if (!this.#exchange.active && this.#reader.heldBytes > 0) this.#waitForHead();
  }

  destroy(): void {
    this.#service.upstreams.wheel.disarm(this.#timer);
    this.#connection.destroySoon();
  }

  openTunnel(): void {
    this.#another = false;
    this.#writer.flush();
    this.#reader.tunnel();
  }

  endWriting(): void {
    this.#socket.end();
  }

  // ─── time and end ───

  onTimer(): void {
    if (this.#exchange.active) return;
    if (this.#reader.heldBytes > 0) {
      this.#service.stats.downstream_rq_header_timeout++;
      this.#refuse(localReplies.headerTimeout);
    } else {
      const { connectionIdleTimeoutMs: idleMs } = this.#service.manager;
      if (idleMs === 0 || idleMs > PARK_MS) this.#connection.park(Math.max(0, idleMs - PARK_MS));
      else {
        this.#service.stats.downstream_cx_idle_timeout++;
        this.#close();
      }
    }
  }

  #waitForRequest(): void {
    const { connectionIdleTimeoutMs: idleMs } = this.#service.manager;
    this.#arm(idleMs > 0 && idleMs < PARK_MS ? idleMs : PARK_MS);
  }

  /** An unfinished head is here. */
  #waitForHead(): void {
    const { requestHeadersTimeoutMs } = this.#service.manager;
    if (requestHeadersTimeoutMs > 0 && !this.#headTimed) {
      this.#headTimed = true;
      this.#service.upstreams.wheel.disarm(this.#timer);
      this.#arm(requestHeadersTimeoutMs);
    }
  }

  #arm(delayMs: number): void {
    this.#service.upstreams.arm(this.#timer, delayMs);
  }

  #close(): void {
    this.#service.upstreams.wheel.disarm(this.#timer);
    this.#paused = false;
    this.#connection.close();
  }

  onEof(): void {
    // As Envoy: who ends the stream has lost interest, half-closed requests are not answered.
    if (this.#exchange.tunnelOpen) this.#reader.finish();
    else this.#socket.destroySoon();
  }

  onClosed(): void {
    this.#service.stats.downstream_cx_http1_active--;
    this.#service.upstreams.wheel.disarm(this.#timer);
    this.#reader.stop();
    this.#exchange.onDownstreamClosed();
  }
}
