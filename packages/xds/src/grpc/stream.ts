import type { GrpcStatus } from './status.ts';

/**
 * One gRPC call, as both ends see it: messages go out and come in, in order, until a status ends it.
 *
 * - Messages that arrive before `onMessage` is called wait; so handlers may be set a tick later. HTTP/2 flow control
 *   holds the peer back meanwhile.
 * - `onMessage` handlers run one after the other. One that throws fails the call with INTERNAL and does not reach
 *   other calls; do not throw to refuse a message, call `fail`.
 * - `write` never blocks and never drops: it answers false once more than the transport's buffer is queued. A writer
 *   that goes on regardless grows memory without bound; wait for `onDrain`.
 * - `onClose` runs exactly once, last, with the status: one's own (`fail`, `end`), the peer's, or UNAVAILABLE or
 *   CANCELLED if the connection went. After it, and after `end` or `fail`, `write` does nothing.
 */
export interface GrpcStream {
  onMessage(handler: (message: Uint8Array) => void): void;
  /** The peer sends no more messages. A client's half-close leaves the server free to go on. */
  onEnd(handler: () => void): void;
  onDrain(handler: () => void): void;
  onClose(handler: (status: GrpcStatus) => void): void;
  /** A message, or its parts: they are joined into one frame; none may change afterwards. */
  write(message: Uint8Array | readonly Uint8Array[]): boolean;
  /** Server: ends the call with OK. Client: half-closes. */
  end(): void;
  /** Server: ends the call with this status. Client: cancels it. */
  fail(code: number, message: string): void;
}

/** Registers one handler of each kind and keeps what happened before it was there. */
export class StreamHandlers {
  #message: ((message: Uint8Array) => void) | null = null;
  #end: (() => void) | null = null;
  #drain: (() => void) | null = null;
  #close: ((status: GrpcStatus) => void) | null = null;
  #closed: GrpcStatus | null = null;
  #ended = false;

  get closed(): boolean {
    return this.#closed !== null;
  }

  setMessage(handler: (message: Uint8Array) => void): void {
    this.#message = handler;
  }

  setEnd(handler: () => void): void {
    this.#end = handler;
    if (this.#ended) handler();
  }

  setDrain(handler: () => void): void {
    this.#drain = handler;
  }

  setClose(handler: (status: GrpcStatus) => void): void {
    this.#close = handler;
    if (this.#closed) handler(this.#closed);
  }

  message(message: Uint8Array): void {
    if (!this.#closed) this.#message?.(message);
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.#end?.();
  }

  drain(): void {
    if (!this.#closed) this.#drain?.();
  }

  /** The first status counts. */
  close(status: GrpcStatus): void {
    if (this.#closed) return;
    this.#closed = status;
    this.#close?.(status);
  }
}
