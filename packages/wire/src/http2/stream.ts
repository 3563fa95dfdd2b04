import { HeldBytes } from '../http1/held-bytes.ts';
import { errorCodes } from './error-codes.ts';
import type { Http2ResponseSink, Http2StreamSink } from './events.ts';
import { MAX_WINDOW } from './frame-types.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { SessionCore } from './session-core.ts';

const NO_FIELDS: readonly string[] = [];

/** A body whose length is not known, or not to be checked. */
export const ANY_LENGTH = -1;

/** One request and its response. What is marked "the session's" is not for others. */
export class Http2Stream {
  readonly #core: SessionCore;
  readonly id: number;
  sink: Http2StreamSink;
  /** Neither side sends any more. */
  closed = false;
  /** The peer has ended its side. */
  remoteEnded = false;
  /** We have ended ours (what is held may still be on its way). */
  localEnded = false;
  /** More is held than should be: stop calling `data` until `sink.onWritable`. */
  blocked = false;

  // ─── the session's ───
  /** Client: who gets the response's head. */
  readonly responseSink: Http2ResponseSink | null;
  /** Client: of the request. */
  readonly method: string;
  /** A head has been sent (server) or received (client) that is not a 1xx. */
  answered = false;
  /** What the peer lets us send. */
  sendWindow: number;
  /** In the scheduler's queue. */
  waiting = false;
  /** Body octets that the peer has still to send, or ANY_LENGTH. */
  expected = ANY_LENGTH;
  #receiveWindow: ReceiveWindow | null = null;
  #held: HeldBytes | null = null;
  /** Trailers that go behind what is held. */
  #ending: readonly string[] | null = null;
  /** A code to reset with behind that, or -1. */
  #resetWhenSent = -1;
  #reading = true;
  /** Octets taken while `#reading` is false: their window is not given back yet. */
  #withheld = 0;

  constructor(core: SessionCore, id: number, sink: Http2ResponseSink | null, method: string, sendWindow: number) {
    this.#core = core;
    this.id = id;
    this.responseSink = sink;
    this.sink = sink ?? deafSink;
    this.method = method;
    this.sendWindow = sendWindow;
  }

  /** Server: 1xx. */
  informational(status: number, headers: readonly string[]): void {
    if (this.localEnded || this.closed) return;
    this.#core.sendResponseHead(this, status, headers, NO_FIELDS, false, null);
  }

  /** Server: the response's head. `extra` are further headers, behind `headers`. */
  respond(
    status: number,
    headers: readonly string[],
    extra: readonly string[],
    endStream: boolean,
    neverIndexed: readonly string[] | null = null,
  ): void {
    if (this.localEnded || this.closed) return;
    this.answered = true;
    this.#core.sendResponseHead(this, status, headers, extra, endStream, neverIndexed);
    if (!endStream) return;
    this.localEnded = true;
    this.#core.localSideEnded(this);
  }

  /** Copies. What windows or socket do not take is held: see `blocked`. */
  data(buffer: Buffer, start: number, end: number): void {
    if (this.localEnded || this.closed) return;
    const from = this.#held === null ? this.#core.scheduler.send(this, buffer, start, end) : start;
    this.#core.touched();
    if (from === end || this.closed) return;
    this.#core.counters.pending_send_bytes += end - from;
    if (this.#held === null) this.#held = new HeldBytes(buffer, from, end);
    else this.#held.append(buffer, from, end);
    this.#core.scheduler.wait(this);
    if (this.#held.length > this.#core.options.maxHeldBytes) this.blocked = true;
  }

  /** Ends our side. Trailers are flat name, value pairs in lower case; empty for none. */
  end(trailers: readonly string[]): void {
    if (this.localEnded || this.closed) return;
    this.localEnded = true;
    if (this.#held === null) this.#sendEnd(trailers);
    else this.#ending = trailers;
  }

  /** Bytes held. */
  get heldBytes(): number {
    return this.#held === null ? 0 : this.#held.length;
  }

  /**
   * Gives the peer no further window for this stream, until resumed. What was sent before still comes as `onData`: at most
   * `initialStreamWindow` bytes.
   */
  pauseReading(): void {
    this.#reading = false;
  }

  resumeReading(): void {
    if (this.#reading) return;
    this.#reading = true;
    const withheld = this.#withheld;
    this.#withheld = 0;
    if (withheld > 0) this.#consume(withheld);
  }

  /** RST_STREAM; the sink hears nothing more. NO_ERROR after a complete response asks the client to stop sending its body. */
  reset(code: number): void {
    if (!this.closed) this.#core.resetStream(this, code);
  }

  /**
   * For an answer that is complete before its request: RST_STREAM when what is held of our ended side has been sent, at once if
   * nothing is. The sink hears nothing more.
   */
  resetWhenSent(code: number): void {
    if (this.closed) return;
    this.sink = deafSink;
    if (this.allSent || !this.localEnded) this.#core.resetStream(this, code);
    else this.#resetWhenSent = code;
  }

  // ─── the session's ───

  /** NO_ERROR; or the code for a peer that sent more than its window, or than the message's length. */
  receive(length: number, payload: number): number {
    this.#receiveWindow ??= new ReceiveWindow(this.#core.options.initialStreamWindow);
    if (!this.#receiveWindow.receive(length)) return errorCodes.FLOW_CONTROL_ERROR;
    if (this.expected !== ANY_LENGTH) {
      if (payload > this.expected) return errorCodes.PROTOCOL_ERROR;
      this.expected -= payload;
    }
    return errorCodes.NO_ERROR;
  }

  /** A frame of `length` was handed to the sink. */
  taken(length: number): void {
    if (this.#reading || this.closed) this.#consume(length);
    else this.#withheld += length;
  }

  #consume(length: number): void {
    this.#core.consumed(length);
    if (this.remoteEnded || this.closed || this.#receiveWindow === null) return;
    const increment = this.#receiveWindow.consume(length);
    if (increment > 0) this.#core.sendWindowUpdate(this.id, increment);
  }

  /** By a WINDOW_UPDATE, or a change of the peer's initial window (which may make it negative). False: too large. */
  growSendWindow(increment: number): boolean {
    this.sendWindow += increment;
    if (this.sendWindow > MAX_WINDOW) return false;
    if (this.#held !== null) this.#core.scheduler.wait(this);
    return true;
  }

  /** A turn: sends at most `bytes` of what is held. */
  sendHeld(bytes: number): void {
    const held = this.#held;
    if (held === null || this.closed) return;
    const before = held.length;
    held.take(this.#core.scheduler.send(this, held.buffer, held.start, Math.min(held.end, held.start + bytes)));
    this.#core.counters.pending_send_bytes -= before - held.length;
    this.#core.touched();
    if (held.length > 0) this.#core.scheduler.wait(this);
    else {
      this.#held = null;
      if (this.#ending !== null) this.#sendEnd(this.#ending);
    }
    if (this.blocked && !this.localEnded && held.length * 2 <= this.#core.options.maxHeldBytes) {
      this.blocked = false;
      this.sink.onWritable();
    }
  }

  #sendEnd(trailers: readonly string[]): void {
    this.#ending = null;
    this.#core.sendEnd(this, trailers);
    this.#core.localSideEnded(this);
    if (this.#resetWhenSent !== -1 && !this.closed) this.#core.resetStream(this, this.#resetWhenSent);
  }

  /** Our side is ended and nothing is held. */
  get allSent(): boolean {
    return this.localEnded && this.#held === null;
  }

  /** It is gone: what it holds is let go, what it withheld is the connection's again. */
  release(): void {
    this.closed = true;
    if (this.#held !== null) this.#core.counters.pending_send_bytes -= this.#held.length;
    this.#held = null;
    this.#ending = null;
    const withheld = this.#withheld;
    this.#withheld = 0;
    if (withheld > 0) this.#core.consumed(withheld);
  }
}

/** Of a request until `onStream` has set another, and of one that it did not want. */
const deafSink: Http2StreamSink = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onWritable: () => undefined,
};
