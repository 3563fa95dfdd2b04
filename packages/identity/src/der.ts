/**
 * The part of DER (ITU-T X.690, definite lengths only) that certificates and certificate requests need.
 *
 *     element   tag | length | content          SEQUENCE 30 0b  02 01 00  04 06 …
 */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Tag of a constructed, context-specific element: `[n]`. */
export const contextTag = (n: number): number => 0xa0 | n;
/** Tag of a primitive, context-specific element: `[n] IMPLICIT`. */
export const implicitTag = (n: number): number => 0x80 | n;

const encodeLength = (n: number): Buffer => {
  if (n < 0x80) return Buffer.from([n]);
  const bytes: number[] = [];
  for (let rest = n; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
};

export const element = (tag: number, ...content: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), encodeLength(body.length), body]);
};

export const sequence = (...content: readonly Uint8Array[]): Buffer => element(tags.sequence, ...content);
export const set = (...content: readonly Uint8Array[]): Buffer => element(tags.set, ...content);
export const octetString = (content: Uint8Array): Buffer => element(tags.octetString, content);
export const utf8String = (text: string): Buffer => element(tags.utf8String, Buffer.from(text));
export const boolean = (value: boolean): Buffer => element(tags.boolean, Buffer.from([value ? 0xff : 0]));

/** A non-negative integer, big-endian; leading zeros are dropped and the sign bit kept clear. */
export const integer = (value: Uint8Array | number): Buffer => {
  let bytes = typeof value === 'number' ? Buffer.from([value]) : Buffer.from(value);
  while (bytes.length > 1 && bytes[0] === 0) bytes = bytes.subarray(1);
  return element(tags.integer, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
};

export const bitString = (content: Uint8Array, unusedBits = 0): Buffer =>
  element(tags.bitString, Buffer.from([unusedBits]), content);

export const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128))
      groups.unshift(0x80 | (high & 0x7f));
    bytes.push(...groups);
  }
  return element(tags.oid, Buffer.from(bytes));
};

/** UTCTime until 2049, GeneralizedTime from 2050 on, to the second (RFC 5280 section 4.1.2.5). */
export const time = (ms: number): Buffer => {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return digits < '2050'
    ? element(tags.utcTime, Buffer.from(digits.slice(2)))
    : element(tags.generalizedTime, Buffer.from(digits));
};

export class DerError extends Error {
  override readonly name = 'DerError';
}

/** One element as read: `whole` includes tag and length. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/**
 * Reads elements one after the other. Strict: indefinite, non-minimal and overlong lengths and multi-byte tags are
 * refused with DerError, as are bytes left over where `end` is called.
 */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element, or `undefined` at the end. */
  peekTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  next(): Element {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes');
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DerError('an element is longer than what holds it');
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, content, whole: this.#bytes.subarray(start, end) };
  }

  expect(tag: number): Element {
    const found = this.next();
    if (found.tag !== tag) throw new DerError(`tag ${found.tag.toString(16)} where ${tag.toString(16)} belongs`);
    return found;
  }

  /** The reader of the content of the next element, which has `tag`. */
  enter(tag: number): DerReader {
    return new DerReader(this.expect(tag).content);
  }

  end(): void {
    if (!this.done) throw new DerError('bytes after the last element');
  }

  #byte(): number {
    const b = this.#bytes[this.#at];
    if (b === undefined) throw new DerError('ends too early');
    this.#at++;
    return b;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError('a length that DER does not allow');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length in more bytes than it needs');
    return length;
  }
}

/** Dotted form of an OID element's content. */
export const readOid = (content: Uint8Array): string => {
  const arcs: number[] = [];
  let value = 0;
  for (const [i, b] of content.entries()) {
    value = value * 128 + (b & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an OID arc is too large');
    if (b & 0x80) {
      if (i === content.length - 1) throw new DerError('an OID ends too early');
      continue;
    }
    if (arcs.length === 0)
      arcs.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)));
    else arcs.push(value);
    value = 0;
  }
  if (arcs.length === 0) throw new DerError('an empty OID');
  return arcs.join('.');
};

/** The bytes of a BIT STRING that has no unused bits. */
export const readBitString = (content: Buffer): Buffer => {
  if (content[0] !== 0) throw new DerError('a bit string with unused bits');
  return content.subarray(1);
};
