import type { Socket } from 'node:net';
import { writeLastChunk } from '@weft/wire/http1/write-head';

/** From this size on a chunk of a body goes through a buffer that serves again: of 1 MB bodies memory is the price. */
const BULK_BYTES = 32 * 1024;
/** Holds a whole read (64 KiB) with a head, or the frame of a chunk. Heads longer than this have their own. */
const BULK_BUFFER_BYTES = 66 * 1024;
const MAX_SPARE = 16;
const spare: Buffer[] = [];

const bufferFor = (bytes: number): Buffer =>
  bytes < BULK_BYTES || bytes > BULK_BUFFER_BYTES
    ? Buffer.allocUnsafe(bytes)
    : (spare.pop() ?? Buffer.allocUnsafeSlow(BULK_BUFFER_BYTES));

/**
 * Writes one direction of a connection, message after message, with as few writes as it can: the head waits for the
 * first bytes of the body, and those for the end, until `flush`, which whoever handed in bytes calls when it has no
 * more for now. `data` copies, so its caller may reuse the buffer.
 */
export class MessageWriter {
  readonly socket: Socket;
  #head = '';
  #chunked = false;
  #pending: Buffer | null = null;
  #pendingLength = 0;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** More is buffered in the socket than it should be: stop reading from the other side until its `drain`. */
  get blocked(): boolean {
    return this.socket.writableNeedDrain;
  }

  /** `text` is latin1, a whole head with its empty line. */
  head(text: string, chunked: boolean): void {
    this.#head = text;
    this.#chunked = chunked;
  }

  data(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    if (this.#pending !== null) this.flush();
    const head = this.#chunked ? `${this.#head + length.toString(16)}\r\n` : this.#head;
    this.#head = '';
    const buffer = bufferFor(head.length + length + (this.#chunked ? 7 : 0));
    let at = head === '' ? 0 : buffer.write(head, 0, 'latin1');
    at += bytes.copy(buffer, at, start, end);
    if (this.#chunked) at += buffer.write('\r\n', at, 'latin1');
    this.#pending = buffer;
    this.#pendingLength = at;
  }

  end(trailers: readonly string[]): void {
    if (this.#chunked) {
      if (this.#pending !== null && trailers.length === 0) {
        this.#pendingLength += this.#pending.write('0\r\n\r\n', this.#pendingLength, 'latin1');
      } else if (this.#pending !== null) {
        this.flush();
        this.#head = writeLastChunk(trailers);
      } else {
        this.#head += writeLastChunk(trailers);
      }
    }
    this.flush();
  }

  flush(): void {
    if (this.#pending !== null) {
      const pending = this.#pending;
      this.#pending = null;
      this.socket.write(pending.length === this.#pendingLength ? pending : pending.subarray(0, this.#pendingLength));
      // The kernel has taken it at once, so nobody reads it any more.
      if (pending.length === BULK_BUFFER_BYTES && this.socket.writableLength === 0 && spare.length < MAX_SPARE)
        spare.push(pending);
    } else if (this.#head !== '') {
      const head = this.#head;
      this.#head = '';
      this.socket.write(head, 'latin1');
    }
  }

  /** Forgets what was not written: the attempt it was for is over. */
  reset(): void {
    this.#head = '';
    this.#pending = null;
  }
}
