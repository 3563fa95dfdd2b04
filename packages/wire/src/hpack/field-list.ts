/**
 * What a decoder found in one header block: parallel arrays, reused from block to block, so read before the next is decoded. Fields
 * beyond a limit are counted and not kept.
 */
export class FieldList {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** `fieldKind`, with BAD_VALUE added. */
  readonly kinds: number[] = [];
  length = 0;
  /** Octets of names and values. */
  bytes = 0;
  /** There was more than a limit allows: the list is not complete. */
  overflow = false;
  neverIndexed: string[] | null = null;
  #maxBytes = 0;
  #maxFields = 0;

  reset(maxBytes: number, maxFields: number): void {
    this.length = 0;
    this.bytes = 0;
    this.overflow = false;
    this.neverIndexed = null;
    this.#maxBytes = maxBytes;
    this.#maxFields = maxFields;
  }

  add(name: string, value: string, kind: number): void {
    this.bytes += name.length + value.length;
    const at = this.length;
    if (this.overflow || this.bytes > this.#maxBytes || at === this.#maxFields) {
      this.overflow = true;
      return;
    }
    this.names[at] = name;
    this.values[at] = value;
    this.kinds[at] = kind;
    this.length = at + 1;
  }
}
