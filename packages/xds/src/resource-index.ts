import { type EncodedResource, encodeResource } from './resource.ts';

/**
 * A list of resources of one type, by name. Each is immutable to those who look, and made from the one before by what
 * changed: the table of names passes on to the newest, and older ones know what it said then.
 *
 *     index 1 ──► index 2 ──► index 3 ──► [ table ]
 *      a: was A1   b: was B1   a: A2, b: B2, c: C1
 *
 * So a change costs what changed, however long the list is, but for one look along it. Nobody keeps an old index for
 * long (`TypeStream` keeps what differs).
 */
export class ResourceIndex {
  readonly #list: readonly object[];
  #table:
    | { readonly kind: 'newest'; readonly byName: Map<string, EncodedResource> }
    | { readonly kind: 'older'; readonly next: ResourceIndex; readonly was: Map<string, EncodedResource | undefined> };
  /** Of all versions, each half modulo 2³²: equal content has equal sums, in whatever order. */
  #high = 0;
  #low = 0;
  readonly #changesSince = new WeakMap<ResourceIndex, readonly string[]>();

  private constructor(list: readonly object[], byName: Map<string, EncodedResource>) {
    this.#list = list;
    this.#table = { kind: 'newest', byName };
  }

  /** One for each list, which must not change; `before`: of the list that this one is to follow. Names are unique. */
  static of(typeUrl: string, list: readonly object[], before?: ResourceIndex): ResourceIndex {
    const known = indexes.get(list);
    if (known && known.#table.kind === 'newest') return known;
    const followed = before && before.#list !== list && before.#list.length > 0 ? before.#table : undefined;
    const index =
      before && followed?.kind === 'newest'
        ? ResourceIndex.#following(typeUrl, list, before, followed.byName)
        : ResourceIndex.#whole(typeUrl, list);
    indexes.set(list, index);
    return index;
  }

  static #whole(typeUrl: string, list: readonly object[]): ResourceIndex {
    const byName = new Map<string, EncodedResource>();
    for (const json of list) {
      const resource = encodeResource(typeUrl, json);
      byName.set(resource.name, resource);
    }
    const index = new ResourceIndex(list, byName);
    for (const resource of byName.values()) index.#count(resource, 1);
    return index;
  }

  static #following(
    typeUrl: string,
    list: readonly object[],
    before: ResourceIndex,
    byName: Map<string, EncodedResource>,
  ): ResourceIndex {
    const index = new ResourceIndex(list, byName);
    index.#high = before.#high;
    index.#low = before.#low;
    const was = new Map<string, EncodedResource | undefined>();
    const { from, oldTo, newTo } = difference(before.#list, list);
    const gone = new Map<string, EncodedResource>();
    for (let i = from; i < oldTo; i++) {
      const resource = encodeResource(typeUrl, before.#list[i] as object);
      gone.set(resource.name, resource);
    }
    for (let i = from; i < newTo; i++) {
      const resource = encodeResource(typeUrl, list[i] as object);
      const old = byName.get(resource.name);
      gone.delete(resource.name);
      if (old?.version === resource.version) continue;
      if (!was.has(resource.name)) was.set(resource.name, old);
      if (old) index.#count(old, -1);
      index.#count(resource, 1);
      byName.set(resource.name, resource);
    }
    for (const [name, resource] of gone) {
      was.set(name, resource);
      index.#count(resource, -1);
      byName.delete(name);
    }
    before.#table = { kind: 'older', next: index, was };
    index.#changesSince.set(before, [...was.keys()]);
    return index;
  }

  get size(): number {
    return this.#table.kind === 'newest' ? this.#table.byName.size : [...this.keys()].length;
  }

  get high(): number {
    return this.#high;
  }

  get low(): number {
    return this.#low;
  }

  get(name: string): EncodedResource | undefined {
    let table = this.#table;
    while (table.kind === 'older') {
      if (table.was.has(name)) return table.was.get(name);
      table = table.next.#table;
    }
    return table.byName.get(name);
  }

  *keys(): Iterable<string> {
    if (this.#table.kind === 'newest') return yield* this.#table.byName.keys();
    const { was, next } = this.#table;
    for (const name of next.keys()) if (!was.has(name)) yield name;
    for (const [name, resource] of was) if (resource) yield name;
  }

  /** Names whose resource is another than in `before`, new, or gone. Found once for each pair that follow each other. */
  changesSince(before: ResourceIndex): readonly string[] {
    if (before === this) return NONE;
    const known = this.#changesSince.get(before);
    if (known) return known;
    const names: string[] = [];
    for (const name of this.keys()) if (before.get(name)?.version !== this.get(name)?.version) names.push(name);
    for (const name of before.keys()) if (!this.get(name)) names.push(name);
    this.#changesSince.set(before, names);
    return names;
  }

  #count({ high, low }: EncodedResource, sign: 1 | -1): void {
    this.#high = (this.#high + sign * high) >>> 0;
    this.#low = (this.#low + sign * low) >>> 0;
  }
}

const NONE: readonly string[] = [];
const indexes = new WeakMap<readonly object[], ResourceIndex>();

/** Where two lists of objects differ: from `from` to `oldTo` and `newTo`. Before and after they have the same objects. */
const difference = (
  before: readonly object[],
  after: readonly object[],
): { from: number; oldTo: number; newTo: number } => {
  let from = 0;
  const shorter = Math.min(before.length, after.length);
  while (from < shorter && before[from] === after[from]) from++;
  let oldTo = before.length;
  let newTo = after.length;
  while (oldTo > from && newTo > from && before[oldTo - 1] === after[newTo - 1]) {
    oldTo--;
    newTo--;
  }
  return { from, oldTo, newTo };
};
