const EMPTY: readonly never[] = [];

/**
 * A list made of slices, one for each owner, in the order of owners. Replacing slices costs a copy of the list (of
 * pointers) and nothing for the slices that stay; while no item changes, the list is the same array.
 */
export class SlicedList<T extends object> {
  #items: readonly T[] = EMPTY;
  /** The owner of each item. */
  #owners: readonly string[] = [];
  #sum = 0;

  get items(): readonly T[] {
    return this.#items;
  }

  /** Equal for lists of the same items, rarely for others. */
  get sum(): number {
    return this.#sum;
  }

  /** Takes a list of the same items for its own. */
  adopt(items: readonly T[]): void {
    this.#items = items;
  }

  /** All slices. Answers whether an item changed. */
  fill(slices: ReadonlyMap<string, readonly T[]>): boolean {
    const sorted = [...slices].sort(([a], [b]) => (a < b ? -1 : 1));
    const items = sorted.flatMap(([, slice]) => slice);
    if (items.length === this.#items.length && sameItems(this.#items, 0, items.length, items)) return false;
    this.#items = items.length > 0 ? items : EMPTY;
    this.#owners = sorted.flatMap(([owner, slice]) => slice.map(() => owner));
    this.#sum = sumOf(items);
    return true;
  }

  /** Some slices; an empty one removes its owner. Answers whether an item changed. */
  replace(slices: ReadonlyMap<string, readonly T[]>): boolean {
    let items: T[] | undefined;
    let owners: string[] | undefined;
    for (const [owner, slice] of slices) {
      const from = firstAtOrAfter(owners ?? this.#owners, owner);
      const length = countOf(owners ?? this.#owners, from, owner);
      if (length === slice.length && sameItems(items ?? this.#items, from, length, slice)) continue;
      items ??= [...this.#items];
      owners ??= [...this.#owners];
      const gone = items.splice(from, length, ...slice);
      owners.splice(from, length, ...slice.map(() => owner));
      this.#sum += sumOf(slice) - sumOf(gone);
    }
    if (!items || !owners) return false;
    this.#items = items.length > 0 ? items : EMPTY;
    this.#owners = owners;
    return true;
  }
}

const firstAtOrAfter = (owners: readonly string[], owner: string): number => {
  let [low, high] = [0, owners.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((owners[middle] as string) < owner) low = middle + 1;
    else high = middle;
  }
  return low;
};

const countOf = (owners: readonly string[], from: number, owner: string): number => {
  let to = from;
  while (owners[to] === owner) to++;
  return to - from;
};

const sameItems = <T>(items: readonly T[], from: number, length: number, slice: readonly T[]): boolean => {
  for (let i = 0; i < length; i++) if (items[from + i] !== slice[i]) return false;
  return true;
};

const numbers = new WeakMap<object, number>();
let last = 0;

/** Every object has a number, spread over 32 bits; sums of a million of them are exact. */
const sumOf = (items: readonly object[]): number => {
  let sum = 0;
  for (const item of items) {
    let number = numbers.get(item);
    if (number === undefined) numbers.set(item, (number = scramble(++last)));
    sum += number;
  }
  return sum;
};

/** MurmurHash3's finaliser: neighbours get numbers that have nothing to do with each other, or their sums would be equal. */
const scramble = (n: number): number => {
  let h = n;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
