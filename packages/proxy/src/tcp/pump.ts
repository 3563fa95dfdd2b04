import type { Socket } from 'node:net';
import { readBuffer } from '../shared-read-buffer.ts';

/** A read of this many bytes or more says that bulk is coming. */
const BULK_BYTES = 16 * 1024;
const OWN_BYTES = 64 * 1024;
/** Buffers that no connection uses at the moment. */
const MAX_SPARE = 16;
const spare: Buffer[] = [];

/**
 * Bytes from one socket to another, no faster than the other takes them.
 *
 *     reads come in   the shared buffer   copied, written          little and seldom: nothing is kept between reads
 *                     a buffer of its own written as it is         bulk: no copy, and the buffer serves again as soon as
 *                                                                  the kernel has taken it, which is mostly at once
 */
export class Pump {
  readonly #from: Socket;
  readonly #to: Socket;
  #own: Buffer | null = null;
  /** Given to `#to`, which has not written all of it yet. */
  readonly #held: Buffer[] = [];
  #bulk = false;
  /** Passed on so far. */
  bytes = 0;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
  }

  /** Where the next read goes; asked for after each. */
  nextBuffer(): Buffer {
    if (this.#bulk && this.#own === null) this.#own = spare.pop() ?? Buffer.allocUnsafeSlow(OWN_BYTES);
    return this.#own ?? readBuffer;
  }

  push(buffer: Buffer, start: number, end: number): void {
    const to = this.#to;
    this.bytes += end - start;
    let more: boolean;
    if (buffer === this.#own) {
      more = to.write(buffer.subarray(start, end));
      if (to.writableLength > 0) {
        this.#held.push(buffer);
        this.#own = null;
      } else {
        this.#release();
        if (end - start < BULK_BYTES) this.#leaveBulk();
      }
    } else {
      // The buffer is every connection's; a write may keep what it is given.
      more = to.write(Buffer.from(buffer.subarray(start, end)));
      this.#bulk = end - start >= BULK_BYTES;
    }
    if (!more) this.#from.pause();
  }

  /** The other side takes bytes again. */
  drained(): void {
    this.#release();
    this.#from.resume();
  }

  #leaveBulk(): void {
    this.#bulk = false;
    if (this.#own !== null && spare.length < MAX_SPARE) spare.push(this.#own);
    this.#own = null;
  }

  #release(): void {
    for (let buffer = this.#held.pop(); buffer !== undefined; buffer = this.#held.pop())
      if (spare.length < MAX_SPARE) spare.push(buffer);
  }
}
