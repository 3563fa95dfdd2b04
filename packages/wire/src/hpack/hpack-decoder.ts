import { DecoderTable } from './decoder-table.ts';
import { BAD_VALUE, checkValue, kindOfName } from './field-kind.ts';
import type { FieldList } from './field-list.ts';
import { decodeHuffman } from './huffman-decoder.ts';

/** What a peer may use before it has seen our settings (RFC 9113 section 6.5.2). */
const INITIAL_TABLE_SIZE = 4096;

/** Of an integer, beyond its first octet: more than any index or length that fits a block. */
const MAX_INTEGER_OCTETS = 4;

/**
 * HPACK, RFC 7541: header blocks to fields. Strings are latin1. A block too large is still read to its end, as the table must be
 * kept in step with the peer's, but what is beyond the limits of the list is not kept, nor decoded where it does not enter the table.
 */
export class HpackDecoder {
  readonly #table: DecoderTable;
  readonly #maxTableBytes: number;
  #buffer: Buffer = EMPTY;
  #pos = 0;
  #end = 0;
  #failed = false;

  /** `maxTableBytes`: what our SETTINGS_HEADER_TABLE_SIZE says. */
  constructor(maxTableBytes: number) {
    this.#maxTableBytes = Math.max(maxTableBytes, INITIAL_TABLE_SIZE);
    this.#table = new DecoderTable(INITIAL_TABLE_SIZE);
  }

  /** RFC 7541 section 4.1. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** Adds the fields of a whole block to `list`. False: not HPACK, so that the connection cannot go on. */
  decode(buffer: Buffer, start: number, end: number, list: FieldList): boolean {
    this.#buffer = buffer;
    this.#pos = start;
    this.#end = end;
    this.#failed = false;
    const table = this.#table;
    let updates = 0;
    while (this.#pos < end && !this.#failed) {
      const first = buffer[this.#pos] as number;
      if (first >= 0x80) {
        if (!table.find(first < 0xff ? this.#short(first & 0x7f) : this.#integer(0x7f))) this.#failed = true;
        else list.add(table.name, table.value, table.kind);
      } else if (first >= 0x40) this.#literal(0x3f, list, true, false);
      else if (first >= 0x20) {
        // At most two, before all fields (RFC 7541 section 4.2).
        const size = this.#integer(0x1f);
        if (list.length > 0 || list.overflow || ++updates > 2 || size > this.#maxTableBytes) this.#failed = true;
        else table.resize(size);
      } else this.#literal(0x0f, list, false, first >= 0x10);
    }
    this.#buffer = EMPTY;
    return !this.#failed;
  }

  #literal(mask: number, list: FieldList, index: boolean, never: boolean): void {
    const table = this.#table;
    const at = this.#integer(mask);
    let name: string;
    let kind: number;
    if (at === 0) {
      if (list.overflow && !index) {
        this.#skipString(list);
        this.#skipString(list);
        return;
      }
      name = this.#string();
      kind = kindOfName(name);
    } else {
      if (!table.find(at)) {
        this.#failed = true;
        return;
      }
      name = table.name;
      kind = table.kind & ~BAD_VALUE;
      if (list.overflow && !index) {
        this.#skipString(list);
        return;
      }
    }
    const value = this.#string();
    if (this.#failed) return;
    kind |= checkValue(value);
    list.add(name, value, kind);
    if (index) table.add(name, value, kind);
    else if (never) (list.neverIndexed ??= []).push(name);
  }

  #short(value: number): number {
    this.#pos++;
    return value;
  }

  /** RFC 7541 section 5.1. */
  #integer(mask: number): number {
    const buffer = this.#buffer;
    let value = (buffer[this.#pos++] as number) & mask;
    if (value < mask) return value;
    for (let i = 0, scale = 1; i < MAX_INTEGER_OCTETS && this.#pos < this.#end; i++, scale *= 128) {
      const octet = buffer[this.#pos++] as number;
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
    }
    this.#failed = true;
    return 0;
  }

  /** RFC 7541 section 5.2. */
  #string(): string {
    if (this.#pos >= this.#end) {
      this.#failed = true;
      return '';
    }
    const huffman = (this.#buffer[this.#pos] as number) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#pos;
    const stop = start + length;
    if (this.#failed || stop > this.#end) {
      this.#failed = true;
      return '';
    }
    this.#pos = stop;
    if (length === 0) return '';
    if (!huffman) return this.#buffer.toString('latin1', start, stop);
    const decoded = decodeHuffman(this.#buffer, start, stop);
    if (decoded !== null) return decoded;
    this.#failed = true;
    return '';
  }

  #skipString(list: FieldList): void {
    if (this.#pos >= this.#end) {
      this.#failed = true;
      return;
    }
    const length = this.#integer(0x7f);
    this.#pos += length;
    list.bytes += length;
    if (this.#pos > this.#end) this.#failed = true;
  }
}

const EMPTY = Buffer.alloc(0);
