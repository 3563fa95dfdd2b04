import { valueAllowed } from './characters.ts';
import { MessageHead, parseHeaderLines } from './message-head.ts';
import { type WireError, wireErrors } from './wire-error.ts';

interface DataSink {
  onData(buffer: Buffer, start: number, end: number): void;
}

type State = 'size' | 'extension' | 'sizeLf' | 'data' | 'dataCr' | 'dataLf' | 'trailers';

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
/** Sizes up to 2^52 − 1. */
const MAX_SIZE_DIGITS = 13;
/** Over one message; extensions are dropped, and have no use but to smuggle. */
const MAX_EXTENSION_BYTES = 16 * 1024;
const MAX_TRAILERS = 100;

/** The chunked transfer coding, RFC 9112 section 7.1. Extensions are dropped, trailers kept. */
export class ChunkedDecoder {
  ended = false;
  error: WireError | null = null;
  trailers: readonly string[] = [];
  readonly #sink: DataSink;
  readonly #maxTrailerBytes: number;
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  readonly #trailerLines: string[] = [];
  #trailerLine = '';

  constructor(sink: DataSink, maxTrailerBytes: number) {
    this.#sink = sink;
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  reset(): void {
    this.ended = false;
    this.error = null;
    this.trailers = [];
    this.#state = 'size';
    this.#size = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.#trailerLines.length = 0;
    this.#trailerLine = '';
  }

  /** Returns where it stopped: `end`, or behind the last byte of the body. */
  push(buffer: Buffer, start: number, end: number): number {
    while (start < end && !this.ended && this.error === null) {
      if (this.#state === 'data') {
        const stop = Math.min(end, start + this.#size);
        this.#size -= stop - start;
        this.#sink.onData(buffer, start, stop);
        start = stop;
        if (this.#size === 0) this.#state = 'dataCr';
      } else {
        this.#control(buffer[start++] as number);
      }
    }
    return start;
  }

  #control(c: number): void {
    switch (this.#state) {
      case 'size': {
        const digit = hexDigit(c);
        if (digit !== -1) {
          if (++this.#digits > MAX_SIZE_DIGITS) this.error = wireErrors.chunk;
          this.#size = this.#size * 16 + digit;
        } else if (this.#digits === 0) this.error = wireErrors.chunk;
        else if (c === CR) this.#state = 'sizeLf';
        else if (c === SEMICOLON) this.#state = 'extension';
        else this.error = wireErrors.chunk;
        return;
      }
      case 'extension':
        if (c === CR) this.#state = 'sizeLf';
        else if (valueAllowed[c] === 0 || ++this.#extensionBytes > MAX_EXTENSION_BYTES) this.error = wireErrors.chunk;
        return;
      case 'sizeLf':
        if (c !== LF) this.error = wireErrors.chunk;
        this.#state = this.#size === 0 ? 'trailers' : 'data';
        this.#digits = 0;
        return;
      case 'dataCr':
        if (c !== CR) this.error = wireErrors.chunk;
        this.#state = 'dataLf';
        return;
      case 'dataLf':
        if (c !== LF) this.error = wireErrors.chunk;
        this.#state = 'size';
        return;
      default:
        this.#trailer(c);
    }
  }

  /** A byte at a time: trailers are rare and short. */
  #trailer(c: number): void {
    this.#trailerLine += String.fromCharCode(c);
    if (++this.#trailerBytes > this.#maxTrailerBytes) this.error = wireErrors.headTooLarge;
    if (c !== LF) return;
    const line = this.#trailerLine;
    this.#trailerLine = '';
    if (!line.endsWith('\r\n')) this.error = wireErrors.lineEnding;
    else if (line === '\r\n') this.#parseTrailers();
    else if (this.#trailerLines.push(line) > MAX_TRAILERS) this.error = wireErrors.tooManyHeaders;
  }

  #parseTrailers(): void {
    // What frames a message has no place here (RFC 9110 section 6.5.1): refused. What is a connection's own is left out.
    const head = new MessageHead();
    this.error = parseHeaderLines(this.#trailerLines.join(''), 0, head, MAX_TRAILERS);
    if (head.chunked || head.contentLength !== -1) this.error = wireErrors.framing;
    this.trailers = head.headers;
    this.ended = this.error === null;
  }
}

const hexDigit = (c: number): number => {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
};
