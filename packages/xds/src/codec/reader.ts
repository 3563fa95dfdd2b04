import { isUtf8 } from 'node:buffer';
import { WeftError } from '@weft/base/errors';
import { internAscii } from './interned-strings.ts';
import { MAX_DEPTH, WIRE } from './table.ts';

const malformed = (problem: string): never => {
  throw new WeftError('malformedXds', problem);
};

/**
 * Reads protobuf's wire format. Every read is checked against `end`, which is the end of the message being read, not
 * of the buffer: a nested length that reaches beyond its message is an error.
 */
export class WireReader {
  readonly buffer: Buffer;
  pos: number;
  end: number;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = 0;
    this.end = bytes.byteLength;
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  /** A field's tag: `number << 3 | wireType`. */
  tag(): number {
    const tag = this.varint32();
    if (tag >>> 3 === 0) malformed('field number 0');
    return tag;
  }

  /** The low 32 bits of a varint, unsigned; longer ones (a negative int32 has ten bytes) are truncated, as protobuf says. */
  varint32(): number {
    let result = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= this.end) malformed('a varint is cut off');
      const byte = this.buffer[this.pos++] as number;
      if (shift < 32) result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
    return malformed('a varint has more than ten bytes');
  }

  /** All 64 bits, unsigned. */
  varint64(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.pos >= this.end) malformed('a varint is cut off');
      const byte = this.buffer[this.pos++] as number;
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
    }
    return malformed('a varint has more than ten bytes');
  }

  /** True if any bit of the varint is set. */
  bool(): boolean {
    return this.varint64() !== 0n;
  }

  fixed32(): number {
    return this.buffer.readUInt32LE(this.#take(4));
  }

  fixed64(): bigint {
    return this.buffer.readBigUInt64LE(this.#take(8));
  }

  float(): number {
    return this.buffer.readFloatLE(this.#take(4));
  }

  double(): number {
    return this.buffer.readDoubleLE(this.#take(8));
  }

  /** A length prefix that fits what is left. */
  length(): number {
    const length = this.varint32();
    if (length > this.end - this.pos) malformed(`a length of ${length} where ${this.end - this.pos} bytes are left`);
    return length;
  }

  string(): string {
    const length = this.length();
    const interned = internAscii(this.buffer, this.pos, this.pos + length);
    if (interned === undefined) return this.#text(length);
    this.pos += length;
    return interned;
  }

  /** The same for texts of which few are alike: not looked for among those read before. */
  uncommonString(): string {
    return this.#text(this.length());
  }

  #text(length: number): string {
    const start = this.#take(length);
    const text = this.buffer.toString('utf8', start, start + length);
    if (text.includes('\ufffd') && !isUtf8(this.buffer.subarray(start, start + length)))
      malformed('a string is not valid UTF-8');
    return text;
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.length();
    const start = this.#take(length);
    return this.buffer.subarray(start, start + length);
  }

  /** Skips the value of a field whose tag was just read. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case WIRE.varint:
        this.varint32();
        return;
      case WIRE.fixed64:
        this.#take(8);
        return;
      case WIRE.bytes:
        this.#take(this.length());
        return;
      case WIRE.fixed32:
        this.#take(4);
        return;
      case WIRE.startGroup:
        return this.#skipGroup(tag >>> 3, depth);
      default:
        malformed(`wire type ${tag & 7} where a value should start`);
    }
  }

  #skipGroup(number: number, depth: number): void {
    if (depth >= MAX_DEPTH) malformed(`groups nested deeper than ${MAX_DEPTH}`);
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) !== WIRE.endGroup) this.skip(tag, depth + 1);
      else if (tag >>> 3 === number) return;
      else malformed('a group ends that did not start');
    }
  }

  #take(size: number): number {
    if (size > this.end - this.pos) malformed(`${size} bytes expected where ${this.end - this.pos} are left`);
    const start = this.pos;
    this.pos += size;
    return start;
  }
}
