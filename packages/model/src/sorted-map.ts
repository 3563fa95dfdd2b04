/**
 * An immutable map in the order of its keys, whose successor costs what changed. Of a line of versions the newest owns a
 * plain Map; an older one holds what the next changed, and asks it for the rest (H. Baker, "Shallow Binding Makes
 * Functional Arrays Fast", 1991): reading the newest costs what a Map costs, reading an old one a step for each change
 * since.
 *
 *     v1 {b: 1} ──► v2 {c: absent} ──► v3 Map {a: 0, b: 2, c: 3} keys [a, b, c]
 */
export class SortedMap<T> implements ReadonlyMap<string, T> {
  readonly size: number;
  #live: Live<T> | undefined;
  /** Of an older version: what the next one changed, as it is here. */
  #differences: ReadonlyMap<string, T | undefined> = NO_DIFFERENCES;
  #next: SortedMap<T> | undefined;

  private constructor(live: Live<T>) {
    this.#live = live;
    this.size = live.values.size;
  }

  static of<T>(entries: Iterable<readonly [string, T]>): SortedMap<T> {
    return new SortedMap({ values: new Map(entries), keys: undefined });
  }

  /** Undefined as a value removes. This map stays as it is. */
  with(changes: ReadonlyMap<string, T | undefined>): SortedMap<T> {
    if (changes.size === 0) return this;
    const live = this.#live ?? { values: new Map(this), keys: undefined };
    const differences = new Map<string, T | undefined>();
    for (const [key, value] of changes) {
      const before = live.values.get(key);
      if (before === value) continue;
      differences.set(key, before);
      if (value === undefined) live.values.delete(key);
      else live.values.set(key, value);
      if (before !== undefined && value !== undefined) continue;
      if (differences.size > FEW) forget(live);
      else reorder(live, key, value);
    }
    const next = new SortedMap(live);
    if (this.#live) {
      this.#live = undefined;
      this.#differences = differences;
      this.#next = next;
    }
    return next;
  }

  get(key: string): T | undefined {
    return SortedMap.#find(this, key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, T]> {
    for (const key of this.#sortedKeys()) yield [key, this.get(key) as T];
  }

  *keys(): MapIterator<string> {
    yield* this.#sortedKeys();
  }

  *values(): MapIterator<T> {
    for (const key of this.#sortedKeys()) yield this.get(key) as T;
  }

  [Symbol.iterator](): MapIterator<[string, T]> {
    return this.entries();
  }

  forEach(visit: (value: T, key: string, map: ReadonlyMap<string, T>) => void): void {
    for (const key of this.#sortedKeys()) visit(this.get(key) as T, key, this);
  }

  #sortedKeys(): readonly string[] {
    return this.#live ? keysOf(this.#live) : SortedMap.#keysOfOld(this);
  }

  static #find<T>(of: SortedMap<T>, key: string): T | undefined {
    let map = of;
    while (!map.#live) {
      if (map.#differences.has(key)) return map.#differences.get(key);
      map = map.#next as SortedMap<T>;
    }
    return map.#live.values.get(key);
  }

  static #keysOfOld<T>(of: SortedMap<T>): readonly string[] {
    const keys = new Set<string>();
    const decided = new Set<string>();
    let map = of;
    for (; !map.#live; map = map.#next as SortedMap<T>)
      for (const [key, value] of map.#differences) {
        if (value !== undefined && !decided.has(key)) keys.add(key);
        decided.add(key);
      }
    for (const key of map.#live.values.keys()) if (!decided.has(key)) keys.add(key);
    return [...keys].sort(compareKeys);
  }
}

interface Live<T> {
  readonly values: Map<string, T>;
  /** Sorted when first asked for, kept in order from then on. */
  keys: string[] | undefined;
}

const NO_DIFFERENCES: ReadonlyMap<string, undefined> = new Map();

/** Above this many changes at once, sorting anew is cheaper than moving keys for each. */
const FEW = 100;

export const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const keysOf = <T>(live: Live<T>): string[] => (live.keys ??= [...live.values.keys()].sort(compareKeys));

const forget = <T>(live: Live<T>): void => {
  live.keys = undefined;
};

const reorder = <T>(live: Live<T>, key: string, value: T | undefined): void => {
  if (!live.keys) return;
  const at = sortedIndex(live.keys, (k) => compareKeys(k, key));
  if (value === undefined) live.keys.splice(at, 1);
  else live.keys.splice(at, 0, key);
};

/** The first index whose item does not come before what is looked for; `compare` is negative for those that do. */
export const sortedIndex = <T>(items: readonly T[], compare: (item: T) => number): number => {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(items[middle] as T) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
};
