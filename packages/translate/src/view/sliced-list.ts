/**
 * An immutable list made of slices, one for each owner, in the order of owners. A successor costs a copy of the list (of
 * pointers) and what changed; while no item changes it is the same list. Lists of different views that have the same items
 * should be one, so that what is made of a list (its encoding, its index by name) is made once: successors of one list by
 * the same changes are, and `of` takes one of `others` that is equal.
 */
export class SlicedList<T extends object> {
  readonly items: readonly T[];
  /** The owner of each item. */
  readonly #owners: readonly string[];
  /** What the last successor was made by. */
  #last: { readonly slices: ReadonlyMap<string, readonly T[]>; readonly list: SlicedList<T> } | undefined;

  private constructor(items: readonly T[], owners: readonly string[]) {
    this.items = items;
    this.#owners = owners;
  }

  static of<T extends object>(
    slices: ReadonlyMap<string, readonly T[]>,
    others: Iterable<SlicedList<T> | undefined>,
  ): SlicedList<T> {
    const sorted = [...slices].sort(([a], [b]) => (a < b ? -1 : 1));
    const items = sorted.flatMap(([, slice]) => slice);
    for (const other of others)
      if (other?.items.length === items.length && sameItems(other.items, 0, items)) return other;
    return new SlicedList(
      items,
      sorted.flatMap(([owner, slice]) => slice.map(() => owner)),
    );
  }

  /** With other slices for some owners; an empty one removes its owner. */
  with(slices: ReadonlyMap<string, readonly T[]>): SlicedList<T> {
    const changed = new Map([...slices].filter(([owner, slice]) => !this.#has(owner, slice)));
    if (changed.size === 0) return this;
    if (this.#last && sameSlices(this.#last.slices, changed)) return this.#last.list;
    const items = [...this.items];
    let owners = this.#owners as string[];
    for (const [owner, slice] of changed) {
      const from = firstAtOrAfter(owners, owner);
      const length = countOf(owners, from, owner);
      items.splice(from, length, ...slice);
      if (length === slice.length) continue;
      if (owners === this.#owners) owners = [...owners];
      owners.splice(from, length, ...slice.map(() => owner));
    }
    const list = new SlicedList(items, owners);
    this.#last = { slices: changed, list };
    return list;
  }

  #has(owner: string, slice: readonly T[]): boolean {
    const from = firstAtOrAfter(this.#owners, owner);
    return countOf(this.#owners, from, owner) === slice.length && sameItems(this.items, from, slice);
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

/** Whether `slice` stands in the items from there on. */
const sameItems = <T>(items: readonly T[], from: number, slice: readonly T[]): boolean => {
  for (let i = 0; i < slice.length; i++) if (items[from + i] !== slice[i]) return false;
  return true;
};

const sameSlices = <T>(a: ReadonlyMap<string, readonly T[]>, b: ReadonlyMap<string, readonly T[]>): boolean => {
  if (a.size !== b.size) return false;
  for (const [owner, slice] of a) {
    const other = b.get(owner);
    if (other?.length !== slice.length || !sameItems(other, 0, slice)) return false;
  }
  return true;
};
