import type { Socket } from 'node:net';
import type { ConnectionView } from '@weft/traffic/request';
import type { MessageSink } from '@weft/wire/http1/message-reader';
import type { RequestHead } from '@weft/wire/http1/request-head';
import { RequestReader } from '@weft/wire/http1/request-reader';
import type { WireError } from '@weft/wire/http1/wire-error';
import { writeResponseHead } from '@weft/wire/http1/write-head';
import { DownstreamPeer, type DownstreamPort } from '../router/downstream-port.ts';
import { Exchange } from '../router/exchange.ts';
import type { HttpService } from '../router/http-service.ts';
import { MessageWriter } from '../router/message-writer.ts';
import { type LocalReply, localReplies, protocolError } from '../router/outcome.ts';
import { readIntoSharedBuffer } from '../shared-read-buffer.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';

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

/** After the last response the client may still be sending: so long we read on, or a reset could destroy the response. */
const LINGER_MS = 1000;

/** A client's HTTP/1 connection: requests one after the other, each by the configuration that is there when it begins. */
export class DownstreamConnection implements MessageSink<RequestHead>, DownstreamPort, TimerTarget {
  readonly socket: Socket;
  readonly peer: DownstreamPeer;
  readonly #writer: MessageWriter;
  readonly #slot: ServiceSlot;
  readonly #onClosed: (connection: DownstreamConnection) => void;
  readonly #reader: RequestReader;
  readonly #exchange: Exchange;
  readonly #service: HttpService;
  readonly #timer = new WheelTimer(this, 'connection');
  #paused = false;
  #closing = false;
  #draining = false;
  #headTimed = false;
  /** Of the request at hand: HTTP/1.`minor`, and whether the connection takes another one after it. */
  #minor = 1;
  #another = true;
  readonly #startMs: number;
  /** Until the connection has lasted as long as it may; null where it may for ever. */
  #lifeTimer: WheelTimer | null = null;

  constructor(
    socket: Socket,
    view: ConnectionView,
    security: DownstreamSecurity,
    slot: ServiceSlot,
    service: HttpService,
    onClosed: (connection: DownstreamConnection) => void,
  ) {
    this.socket = socket;
    this.peer = new DownstreamPeer(view, security.clientCert, security.tls);
    this.#writer = new MessageWriter(socket);
    this.#slot = slot;
    this.#service = service;
    this.#onClosed = onClosed;
    const { manager } = service;
    this.#reader = new RequestReader(this, {
      maxHeadBytes: manager.maxRequestHeadersBytes,
      maxHeaders: manager.maxRequestHeaders,
    });
    this.#exchange = new Exchange(this, service);
    this.#count(1);
    this.#startMs = service.context.clock.monotonic();
    const onBytes = (buffer: Buffer, start: number, end: number): void => this.onBytes(buffer, start, end);
    socket.on('data', (bytes: Buffer) => onBytes(bytes, 0, bytes.length));
    readIntoSharedBuffer(socket, onBytes);
    socket.on('end', () => this.#onEof());
    socket.on('drain', () => this.#exchange.onDownstreamDrain());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    this.#waitForRequest();
    if (manager.maxConnectionDurationMs > 0) {
      this.#lifeTimer = new WheelTimer(this, 'life');
      service.upstreams.arm(this.#lifeTimer, manager.maxConnectionDurationMs);
    }
  }

  /** It takes requests, as far as the listener is concerned. */
  get keepAlive(): boolean {
    return !this.#draining && !this.#slot.draining && !this.#service.context.overload.shedding && this.#slot.service !== null;
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#closing) return;
    this.#reader.push(buffer, start, end);
    if (this.#exchange.active) this.#exchange.onRequestFlush();
    // A pipelined request waits for the answer to the one before: do not gather more of them.
    if (this.#reader.heldBytes > 0) {
      if (this.#exchange.active) this.pauseReading();
      else this.#waitForHead();
    }
  }

  /** No new requests: closes now, or after the current one. */
  drain(): void {
    this.#draining = true;
    this.#service.stats.downstream_cx_drain_close++;
    if (!this.#exchange.active) this.#close();
  }

  // ─── MessageSink: what the reader finds ───

  onHead(head: RequestHead): void {
    const service = this.#slot.service;
    if (service === null) {
      this.#close();
      return;
    }
    this.#headTimed = false;
    this.#minor = head.minor;
    this.#another = head.keepAlive;
    service.upstreams.wheel.disarm(this.#timer);
    this.#exchange.begin(head, head.chunked, service);
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
    this.#another = this.#another && this.keepAlive && chunked === openEnded;
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
    this.socket.pause();
  }

  resumeReading(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  exchangeEnded(): void {
    if (!this.#another || !this.keepAlive) {
      this.#close();
      return;
    }
    this.#waitForRequest();
    this.resumeReading();
    this.#reader.next();
    if (!this.#exchange.active && this.#reader.heldBytes > 0) this.#waitForHead();
  }

  destroy(): void {
    this.#closing = true;
    this.socket.destroySoon();
    this.#arm(LINGER_MS);
  }

  openTunnel(): void {
    this.#another = false;
    this.#writer.flush();
    this.#reader.tunnel();
  }

  endWriting(): void {
    this.socket.end();
  }

  // ─── time and end ───

  onTimer(kind: string): void {
    if (kind === 'life') {
      this.#service.stats.downstream_cx_max_duration_reached++;
      this.drain();
    } else if (this.#closing) this.socket.destroy();
    else if (!this.#exchange.active) {
      if (this.#reader.heldBytes > 0) {
        this.#service.stats.downstream_rq_header_timeout++;
        this.#refuse(localReplies.headerTimeout);
      } else {
        this.#service.stats.downstream_cx_idle_timeout++;
        this.#close();
      }
    }
  }

  #waitForRequest(): void {
    const { connectionIdleTimeoutMs } = this.#service.manager;
    if (connectionIdleTimeoutMs > 0) this.#arm(connectionIdleTimeoutMs);
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
    if (this.#closing) return;
    this.#closing = true;
    this.resumeReading();
    this.socket.end();
    this.#service.upstreams.wheel.disarm(this.#timer);
    this.#arm(LINGER_MS);
  }

  #onEof(): void {
    if (this.#closing) {
      this.socket.destroySoon();
      return;
    }
    // As Envoy: who ends the stream has lost interest, half-closed requests are not answered.
    if (this.#exchange.tunnelOpen) this.#reader.finish();
    else this.socket.destroySoon();
  }

  /** One more, or one less. */
  #count(change: 1 | -1): void {
    const { stats } = this.#service;
    stats.downstream_cx_active += change;
    stats.downstream_cx_http1_active += change;
    if (this.peer.tls) stats.downstream_cx_ssl_active += change;
    if (change === -1) return;
    stats.downstream_cx_total++;
    stats.downstream_cx_http1_total++;
    if (this.peer.tls) stats.downstream_cx_ssl_total++;
  }

  #countEnd(): void {
    this.#count(-1);
    const { stats, context } = this.#service;
    const { socket } = this;
    stats.downstream_cx_rx_bytes_total += socket.bytesRead;
    stats.downstream_cx_tx_bytes_total += socket.bytesWritten;
    stats.downstream_cx_length_ms.record(context.clock.monotonic() - this.#startMs);
    stats.downstream_cx_destroy++;
    if (this.#closing) stats.downstream_cx_destroy_local++;
    else stats.downstream_cx_destroy_remote++;
    if (!this.#exchange.active) return;
    stats.downstream_cx_destroy_active_rq++;
    if (this.#closing) stats.downstream_cx_destroy_local_active_rq++;
    else stats.downstream_cx_destroy_remote_active_rq++;
  }

  #closed(): void {
    this.#countEnd();
    this.#service.upstreams.wheel.disarm(this.#timer);
    if (this.#lifeTimer !== null) this.#service.upstreams.wheel.disarm(this.#lifeTimer);
    this.#reader.stop();
    this.#exchange.onDownstreamClosed();
    this.#onClosed(this);
  }
}
