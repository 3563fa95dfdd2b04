import { ChunkedDecoder } from './chunked-decoder.ts';
import { BARE_LINE_BREAK, HeldBytes, NOT_YET } from './held-bytes.ts';
import { type WireError, wireErrors } from './wire-error.ts';

/**
 * Receives the events of one direction of a connection: for each message `onHead`, any number of `onData`, `onEnd`;
 * or `onError` once, after which nothing comes any more. Called from within `push`, in order.
 */
export interface MessageSink<Head> {
  onHead(head: Head): void;
  /** `buffer[start, end)` is valid during the call only: whoever keeps it copies it. */
  onData(buffer: Buffer, start: number, end: number): void;
  /** Trailers are flat name, value pairs, those that frame a message left out. */
  onEnd(trailers: readonly string[]): void;
  onError(error: WireError): void;
}

/** What follows a head. `head`: another head (after an informational response); `close`: a body until the end. */
export type BodyKind = 'none' | 'length' | 'chunked' | 'close' | 'tunnel' | 'head';

type State = 'head' | 'length' | 'chunked' | 'close' | 'tunnel' | 'done' | 'failed';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CR = 0x0d;
const LF = 0x0a;

/**
 * Bytes of one direction to events. A message at a time: after its end the reader holds back what follows until
 * `next()`, so that a pipelined request waits for the response before it.
 *
 * Fast path: a head that came in one buffer is parsed where it stands. Otherwise bytes are held until the empty line is
 * there.
 */
export abstract class MessageReader<Head> {
  protected readonly sink: MessageSink<Head>;
  readonly #maxHeadBytes: number;
  /** Made with the first body in chunks. */
  #chunked: ChunkedDecoder | null = null;
  #state: State = 'head';
  /** Of a body with a length: bytes still to come. */
  #remaining = 0;
  /** Bytes of an unfinished head, or those that wait for `next()`. */
  #held: HeldBytes | null = null;
  #pushing = false;

  constructor(sink: MessageSink<Head>, maxHeadBytes: number) {
    this.sink = sink;
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Parses, calls `sink.onHead`, and says what body follows; or the error. */
  protected abstract readHead(text: string): BodyKind | WireError;
  /** Of the head just read. */
  protected abstract contentLength(): number;

  /** Bytes of the next message are waiting, or an unfinished head. */
  get heldBytes(): number {
    return this.#held === null ? 0 : this.#held.length;
  }

  /** Between messages, with nothing of the next one seen. */
  get idle(): boolean {
    return this.#state === 'head' && this.#held === null;
  }

  push(buffer: Buffer, start = 0, end = buffer.length): void {
    if (this.#held === null) {
      this.#run(buffer, start, end);
      return;
    }
    this.#held.append(buffer, start, end);
    if (this.#state !== 'done') this.#runHeld();
  }

  /** The message is dealt with: go on with the next, of which bytes may be here already. */
  next(): void {
    if (this.#state !== 'done') return;
    this.#state = 'head';
    if (!this.#pushing && this.#held !== null) this.#runHeld();
  }

  /** The sink wants nothing any more, not even an error. */
  stop(): void {
    this.#state = 'failed';
    this.#held = null;
  }

  /** Nothing more will come. A body that lasts until close ends here; anything else unfinished is an error. */
  finish(): void {
    if (this.#state === 'close' || this.#state === 'tunnel') this.#end([]);
    else if (this.#state !== 'failed' && this.#state !== 'done' && !this.idle) this.#fail(wireErrors.incomplete);
  }

  /** From now on bytes are not HTTP any more: they come as `onData` (after CONNECT or a 101). */
  tunnel(): void {
    this.#state = 'tunnel';
    if (this.#pushing || this.#held === null) return;
    const { buffer, start, end } = this.#held;
    this.#held = null;
    this.sink.onData(buffer, start, end);
  }

  #run(buffer: Buffer, start: number, end: number): void {
    this.#pushing = true;
    while (start < end && this.#state !== 'failed') {
      const next = this.#state === 'done' ? -1 : this.#step(buffer, start, end);
      if (next === -1) {
        if (this.#state === 'done' || this.#state === 'head') this.#hold(buffer, start, end);
        break;
      }
      start = next;
    }
    this.#pushing = false;
  }

  /** As `#run`, over the bytes held: those that have to wait on stay where they are. */
  #runHeld(): void {
    const held = this.#held as HeldBytes;
    this.#pushing = true;
    while (held.length > 0 && this.#state !== 'failed' && this.#state !== 'done') {
      const next = this.#state === 'head' ? this.#readHeldHead(held) : this.#step(held.buffer, held.start, held.end);
      if (next === -1) break;
      held.take(next);
    }
    this.#pushing = false;
    if (held.length === 0 || this.#state === 'failed') this.#held = null;
  }

  #hold(buffer: Buffer, start: number, end: number): void {
    this.#held = new HeldBytes(buffer, start, end);
    if (this.#state === 'head') this.#runHeld();
  }

  #step(buffer: Buffer, start: number, end: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(buffer, start, end);
      case 'length': {
        const stop = Math.min(end, start + this.#remaining);
        this.#remaining -= stop - start;
        this.sink.onData(buffer, start, stop);
        if (this.#remaining === 0 && this.#state === 'length') this.#end([]);
        return stop;
      }
      case 'chunked': {
        const chunked = this.#chunked as ChunkedDecoder;
        const next = chunked.push(buffer, start, end);
        if (chunked.error !== null) this.#fail(chunked.error);
        else if (chunked.ended) this.#end(chunked.trailers);
        return next;
      }
      default:
        this.sink.onData(buffer, start, end);
        return end;
    }
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    start = skipEmptyLines(buffer, start, end);
    if (start === end) return end;
    const at = buffer.indexOf(END_OF_HEAD, start);
    return at === -1 || at >= end - 3 ? -1 : this.#parseHead(buffer, start, at + 4);
  }

  #readHeldHead(held: HeldBytes): number {
    const start = skipEmptyLines(held.buffer, held.start, held.end);
    if (start > held.start) held.take(start);
    const end = held.endOfHead();
    if (end === BARE_LINE_BREAK) this.#fail(wireErrors.lineEnding);
    else if (end !== NOT_YET) return this.#parseHead(held.buffer, held.start, end);
    else if (held.length > this.#maxHeadBytes) this.#fail(wireErrors.headTooLarge);
    return -1;
  }

  /** `end` is behind the empty line. */
  #parseHead(buffer: Buffer, start: number, end: number): number {
    if (end - start > this.#maxHeadBytes) {
      this.#fail(wireErrors.headTooLarge);
      return -1;
    }
    this.#state = 'done';
    const body = this.readHead(buffer.toString('latin1', start, end - 2));
    if (typeof body === 'object') {
      this.#fail(body);
      return -1;
    }
    // onHead may have turned the connection into a tunnel.
    if (this.#state === 'done') this.#startBody(body);
    return end;
  }

  #startBody(body: BodyKind): void {
    if (body === 'none') this.#end([]);
    else if (body === 'length') {
      this.#remaining = this.contentLength();
      this.#state = 'length';
    } else {
      if (body === 'chunked') {
        this.#chunked ??= new ChunkedDecoder(this.sink, this.#maxHeadBytes);
        this.#chunked.reset();
      }
      this.#state = body;
    }
  }

  #end(trailers: readonly string[]): void {
    this.#state = 'done';
    this.sink.onEnd(trailers);
  }

  #fail(error: WireError): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.sink.onError(error);
  }
}

/** A client may send an empty line after a body: RFC 9112 section 2.2. */
const skipEmptyLines = (buffer: Buffer, start: number, end: number): number => {
  while (end - start >= 2 && buffer[start] === CR && buffer[start + 1] === LF) start += 2;
  return start;
};
