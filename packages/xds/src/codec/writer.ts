/**
 * A buffer that is written from its end towards its start. A message's fields are written last first; when its length
 * prefix is due, its length is known, so nothing is measured twice or moved.
 *
 *     [ free ............ | prefix | field 1 | field 2 | field 3 ]
 *                         ^ pos moves left
 */
export class BackwardWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(1024);
  #pos = 1024;

  /** Bytes written so far; the difference of two marks is the length of what was written between them. */
  get length(): number {
    return this.#buffer.length - this.#pos;
  }

  reset(): void {
    this.#pos = this.#buffer.length;
    // One huge message must not pin its buffer for ever.
    if (this.#buffer.length > KEEP_BYTES) {
      this.#buffer = Buffer.allocUnsafeSlow(1024);
      this.#pos = 1024;
    }
  }

  /** A copy, exactly as long as what was written. */
  finish(): Uint8Array {
    const result = new Uint8Array(this.length);
    result.set(this.#buffer.subarray(this.#pos));
    return result;
  }

  /** Takes back what was written since the writer had this length. */
  rewind(length: number): void {
    this.#pos = this.#buffer.length - length;
  }

  isZeroSince(length: number): boolean {
    const end = this.#buffer.length - length;
    for (let i = this.#pos; i < end; i++) if (this.#buffer[i] !== 0) return false;
    return true;
  }

  /** An unsigned varint of up to 32 bits. */
  varint32(value: number): void {
    const size = value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    let at = this.#take(size);
    const buffer = this.#buffer;
    let rest = value;
    for (let i = 1; i < size; i++) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at] = rest;
  }

  /** A varint of 64 bits, two's complement. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    let size = 1;
    for (let v = rest >> 7n; v > 0n; v >>= 7n) size++;
    let at = this.#take(size);
    for (let i = 1; i < size; i++) {
      this.#buffer[at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[at] = Number(rest);
  }

  fixed32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
  }

  fixed64(value: bigint): void {
    const at = this.#take(8);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), at);
  }

  float(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeFloatLE(value, at);
  }

  double(value: number): void {
    const at = this.#take(8);
    this.#buffer.writeDoubleLE(value, at);
  }

  /** UTF-8 of a well-formed string; returns its length in bytes. */
  string(value: string): number {
    const size = Buffer.byteLength(value);
    const at = this.#take(size);
    this.#buffer.write(value, at, size, 'utf8');
    return size;
  }

  bytes(value: Uint8Array): void {
    const at = this.#take(value.length);
    this.#buffer.set(value, at);
  }

  #take(size: number): number {
    if (size > this.#pos) this.#grow(size);
    this.#pos -= size;
    return this.#pos;
  }

  #grow(size: number): void {
    const old = this.#buffer.subarray(this.#pos);
    const capacity = Math.max(this.#buffer.length * 2, old.length + size);
    const bigger = Buffer.allocUnsafeSlow(capacity);
    bigger.set(old, capacity - old.length);
    this.#buffer = bigger;
    this.#pos = capacity - old.length;
  }
}

const KEEP_BYTES = 256 * 1024;
