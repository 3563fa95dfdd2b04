import { type EncoderName, encoderName, isDropped, isSecret } from './encoder-names.ts';
import { fieldKind } from './field-kind.ts';
import { ENTRY_OVERHEAD, STATIC_ENTRIES } from './static-table.ts';

const INITIAL_TABLE_SIZE = 4096;

/** Names remembered; those without an entry in the table are forgotten above it. */
const MAX_NAMES = 256;

/** A literal's representation and lengths take no more than this beside its octets. */
const FIELD_OVERHEAD = 12;

/** Shorter strings are written octet by octet: cheaper than a call into native code. */
const SHORT = 24;

/**
 * HPACK, RFC 7541: fields to a header block. `begin`, then `field` for each, into a buffer that has room for `maxBytes`; `pos` is
 * where the next octet goes. Strings are latin1 and plain: Huffman coding saves a quarter of the octets of what is new, which costs
 * more than it saves where the peer is near.
 *
 * Values enter the dynamic table by what was seen of their name so far (`EncoderName`). The table's bytes are bounded by the peer's
 * setting and ours; entries are numbered as they are inserted, so one is there if its number is not below the oldest's.
 */
export class HpackEncoder {
  pos = 0;
  #buffer: Buffer = EMPTY;
  readonly #names = new Map<string, EncoderName>();
  /** Sizes of the entries from `#oldest` to `#inserted`, in a ring that doubles. */
  #sizes: number[] = [];
  #oldest = 0;
  #inserted = 0;
  #bytes = 0;
  readonly #ownMax: number;
  #max: number;
  /** The smallest maximum since the last block, and whether there is one to tell the peer. */
  #lowestMax = INITIAL_TABLE_SIZE;
  #resized = false;

  constructor(maxTableBytes: number) {
    this.#ownMax = maxTableBytes;
    this.#max = INITIAL_TABLE_SIZE;
    if (maxTableBytes < INITIAL_TABLE_SIZE) this.peerTableSize(maxTableBytes);
  }

  get tableBytes(): number {
    return this.#bytes;
  }

  /** Names remembered. */
  get names(): number {
    return this.#names.size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  peerTableSize(bytes: number): void {
    const max = Math.min(bytes, this.#ownMax);
    if (max === this.#max) return;
    this.#max = max;
    this.#lowestMax = this.#resized ? Math.min(this.#lowestMax, max) : max;
    this.#resized = true;
    while (this.#bytes > max) this.#evict();
  }

  /** The most that these fields can take. */
  static maxBytes(fields: readonly string[]): number {
    let bytes = 0;
    for (let i = 0; i < fields.length; i++) bytes += (fields[i] as string).length;
    return bytes + (fields.length >> 1) * FIELD_OVERHEAD;
  }

  /** Room for table size updates. */
  static readonly maxBeginBytes = 12;

  begin(buffer: Buffer, pos: number): void {
    this.#buffer = buffer;
    this.pos = pos;
    if (!this.#resized) return;
    this.#resized = false;
    if (this.#lowestMax < this.#max) this.#integer(0x20, 0x1f, this.#lowestMax);
    this.#integer(0x20, 0x1f, this.#max);
  }

  end(): void {
    this.#buffer = EMPTY;
  }

  /** What HTTP/2 must not carry is left out. */
  fields(fields: readonly string[], neverIndexed: readonly string[] | null): void {
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      this.field(name, fields[i + 1] as string, neverIndexed !== null && neverIndexed.includes(name));
    }
  }

  field(name: string, value: string, never: boolean): void {
    const entry = this.#names.get(name) ?? this.#addName(name);
    if (entry.kind !== fieldKind.REGULAR && isDropped(entry, value)) return;
    if (never || isSecret(name)) {
      this.#literal(0x10, 0x0f, entry, value);
      return;
    }
    const { staticValues, values } = entry;
    for (let i = 0; i < staticValues.length; i++) {
      if (staticValues[i] === value) {
        this.#index(entry.staticIndices[i] as number);
        return;
      }
    }
    for (let i = 0; i < values.length; i++) {
      const insertion = entry.insertions[i] as number;
      if (insertion >= this.#oldest && values[i] === value) {
        entry.used();
        this.#index(STATIC_ENTRIES + this.#inserted - insertion);
        return;
      }
    }
    const size = name.length + value.length + ENTRY_OVERHEAD;
    // What would take more than half of the table would push out too much.
    if (!entry.indexed || size * 2 > this.#max) {
      this.#literal(0x00, 0x0f, entry, value);
      return;
    }
    this.#literal(0x40, 0x3f, entry, value);
    while (this.#bytes + size > this.#max) this.#evict();
    this.#insert(size);
    entry.inserted(value, this.#inserted++);
  }

  #literal(representation: number, mask: number, entry: EncoderName, value: string): void {
    const index = entry.staticIndex !== 0 ? entry.staticIndex : this.#indexOfName(entry);
    this.#integer(representation, mask, index);
    if (index === 0) this.#string(entry.name);
    this.#string(value);
  }

  #indexOfName(entry: EncoderName): number {
    const { insertions } = entry;
    for (let i = 0; i < insertions.length; i++) {
      const insertion = insertions[i] as number;
      if (insertion >= this.#oldest) return STATIC_ENTRIES + this.#inserted - insertion;
    }
    return 0;
  }

  #index(index: number): void {
    if (index < 0x7f) this.#buffer[this.pos++] = 0x80 | index;
    else this.#integer(0x80, 0x7f, index);
  }

  #integer(representation: number, mask: number, value: number): void {
    const buffer = this.#buffer;
    if (value < mask) {
      buffer[this.pos++] = representation | value;
      return;
    }
    buffer[this.pos++] = representation | mask;
    let rest = value - mask;
    for (; rest >= 128; rest >>>= 7) buffer[this.pos++] = (rest & 0x7f) | 0x80;
    buffer[this.pos++] = rest;
  }

  #string(text: string): void {
    const { length } = text;
    this.#integer(0, 0x7f, length);
    if (length < SHORT) {
      const buffer = this.#buffer;
      let at = this.pos;
      for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i);
      this.pos = at;
    } else this.pos += this.#buffer.write(text, this.pos, 'latin1');
  }

  #insert(size: number): void {
    if (this.#inserted - this.#oldest === this.#sizes.length) {
      const old = this.#sizes;
      const grown = new Array<number>(Math.max(8, old.length * 2)).fill(0);
      for (let i = this.#oldest; i < this.#inserted; i++)
        grown[i & (grown.length - 1)] = old[i & (old.length - 1)] as number;
      this.#sizes = grown;
    }
    this.#sizes[this.#inserted & (this.#sizes.length - 1)] = size;
    this.#bytes += size;
  }

  #evict(): void {
    this.#bytes -= this.#sizes[this.#oldest++ & (this.#sizes.length - 1)] as number;
  }

  #addName(name: string): EncoderName {
    if (this.#names.size >= MAX_NAMES) {
      for (const entry of this.#names.values()) if (this.#indexOfName(entry) === 0) this.#names.delete(entry.name);
    }
    const entry = encoderName(name);
    this.#names.set(name, entry);
    return entry;
  }
}

const EMPTY = Buffer.alloc(0);
