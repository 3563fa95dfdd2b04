import { checkValue, kindOfName } from './field-kind.ts';
import { ENTRY_OVERHEAD, STATIC_ENTRIES, staticTable } from './static-table.ts';

const staticKinds = staticTable.map(([name, value]) => kindOfName(name) | checkValue(value));

/**
 * The decoder's index space, RFC 7541 section 2.3: the static table, then the dynamic one, the newest entry first. The dynamic
 * entries are in a ring that doubles, so that an idle connection has none:
 *
 *     slots  [ . . c d e . ]      oldest → c, length 3; index 62 is e
 */
export class DecoderTable {
  #names: string[] = [];
  #values: string[] = [];
  #kinds: number[] = [];
  #slots = 0;
  #oldest = 0;
  #length = 0;
  #maxBytes: number;
  /** RFC 7541 section 4.1. */
  bytes = 0;
  /** Of the entry that `find` found. */
  name = '';
  value = '';
  kind = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Reads an entry into `name`, `value` and `kind`; false if there is none of that index. */
  find(index: number): boolean {
    if (index <= STATIC_ENTRIES) {
      if (index === 0) return false;
      const entry = staticTable[index] as readonly [string, string];
      this.name = entry[0];
      this.value = entry[1];
      this.kind = staticKinds[index] as number;
      return true;
    }
    const age = index - STATIC_ENTRIES;
    if (age > this.#length) return false;
    const slot = (this.#oldest + this.#length - age) & (this.#slots - 1);
    this.name = this.#names[slot] as string;
    this.value = this.#values[slot] as string;
    this.kind = this.#kinds[slot] as number;
    return true;
  }

  add(name: string, value: string, kind: number): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.#evict(this.#maxBytes - size);
    // Larger than the table: that empties it and is no error (RFC 7541 section 4.4).
    if (size > this.#maxBytes) return;
    if (this.#length === this.#slots) this.#grow();
    const slot = (this.#oldest + this.#length) & (this.#slots - 1);
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.#kinds[slot] = kind;
    this.#length++;
    this.bytes += size;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
  }

  /** Drops the oldest until no more than `room` bytes are left. */
  #evict(room: number): void {
    while (this.bytes > room && this.#length > 0) {
      const slot = this.#oldest;
      this.bytes -= (this.#names[slot] as string).length + (this.#values[slot] as string).length + ENTRY_OVERHEAD;
      this.#names[slot] = '';
      this.#values[slot] = '';
      this.#oldest = (slot + 1) & (this.#slots - 1);
      this.#length--;
    }
  }

  #grow(): void {
    const slots = Math.max(8, this.#slots * 2);
    const names = new Array<string>(slots).fill('');
    const values = new Array<string>(slots).fill('');
    const kinds = new Array<number>(slots).fill(0);
    for (let i = 0; i < this.#length; i++) {
      const slot = (this.#oldest + i) & (this.#slots - 1);
      names[i] = this.#names[slot] as string;
      values[i] = this.#values[slot] as string;
      kinds[i] = this.#kinds[slot] as number;
    }
    this.#names = names;
    this.#values = values;
    this.#kinds = kinds;
    this.#slots = slots;
    this.#oldest = 0;
  }
}
