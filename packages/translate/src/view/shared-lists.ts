import type { SlicedList } from './sliced-list.ts';

/**
 * Makes lists of different views that have the same items one array, so that what is made of a list (its encoding, its
 * index by name) is made once. Found by a sum over the items' numbers, then compared.
 */
export class SharedLists {
  readonly #bySum = new Map<number, WeakRef<readonly unknown[]>>();

  share<T extends object>(list: SlicedList<T>): void {
    const known = this.#bySum.get(list.sum)?.deref() as readonly T[] | undefined;
    if (known && known.length === list.items.length && known.every((item, i) => item === list.items[i])) {
      list.adopt(known);
      return;
    }
    if (this.#bySum.size > MAX_KNOWN) for (const [sum, ref] of this.#bySum) if (!ref.deref()) this.#bySum.delete(sum);
    this.#bySum.set(list.sum, new WeakRef(list.items));
  }
}

/** Above, those that are gone are looked for. */
const MAX_KNOWN = 1000;
