/**
 * Bytes that came and cannot be dealt with yet: an unfinished head, or what follows a message whose answer is not there.
 * However they are cut, each byte is searched once, and copied at most twice on average: room grows by doubling.
 *
 *     buffer  │ taken │ searched │ new │ room │
 *             0     start    #searched  end   length
 */
export class HeldBytes {
  buffer: Buffer;
  start = 0;
  end: number;
  /** Bytes looked at and bytes copied so far: what it takes must grow with the bytes alone, which a test asserts. */
  searched = 0;
  copied = 0;
  #searched = 0;

  /** Copies `buffer[start, end)`. */
  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = Buffer.allocUnsafe(Math.max(MIN_ROOM, end - start));
    this.end = buffer.copy(this.buffer, 0, start, end);
    this.copied = this.end;
  }

  get length(): number {
    return this.end - this.start;
  }

  append(buffer: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.end + length > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(2 * this.length, this.length + length));
      this.copied += this.buffer.copy(grown, 0, this.start, this.end);
      this.#searched -= this.start;
      this.end -= this.start;
      this.start = 0;
      this.buffer = grown;
    }
    this.copied += buffer.copy(this.buffer, this.end, start, end);
    this.end += length;
  }

  /** What is before `index` is dealt with. */
  take(index: number): void {
    this.start = index;
    this.#searched = Math.max(this.#searched, index);
  }

  /**
   * Where the head ends, behind its empty line; NOT_YET; or BARE_LINE_BREAK for a CR or LF that is not part of CR LF, so
   * that who ends lines with LF alone is refused and not waited for.
   */
  endOfHead(): number {
    const { buffer, start, end } = this;
    for (let i = this.#searched; i < end; i++) {
      const afterCr = i > start && buffer[i - 1] === CR;
      if ((buffer[i] === LF) !== afterCr) return BARE_LINE_BREAK;
      if (afterCr && i - start >= 3 && buffer[i - 2] === LF) {
        this.searched += i + 1 - this.#searched;
        this.#searched = i + 1;
        return i + 1;
      }
    }
    this.searched += end - this.#searched;
    this.#searched = end;
    return NOT_YET;
  }
}

export const NOT_YET = -1;
export const BARE_LINE_BREAK = -2;

const MIN_ROOM = 256;
const CR = 0x0d;
const LF = 0x0a;
