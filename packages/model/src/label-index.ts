import { type Labels, labelsMatch } from './selector.ts';

/**
 * Things of a namespace by their labels. A selector is looked up by its rarest entry, so that a thousand services
 * over ten thousand pods do not cost ten million comparisons.
 */
export class LabelIndex<T extends { readonly namespace: string }> {
  readonly #byEntry = new Map<string, T[]>();
  readonly #labels: (item: T) => Labels;

  constructor(items: Iterable<T>, labels: (item: T) => Labels) {
    this.#labels = labels;
    for (const item of items)
      for (const [key, value] of Object.entries(labels(item))) {
        const entry = entryKey(item.namespace, key, value);
        const list = this.#byEntry.get(entry);
        if (list) list.push(item);
        else this.#byEntry.set(entry, [item]);
      }
  }

  /** Those with every entry of the selector; none for an empty one. */
  select(namespace: string, selector: Labels): T[] {
    let rarest: T[] | undefined;
    for (const [key, value] of Object.entries(selector)) {
      const list = this.#byEntry.get(entryKey(namespace, key, value)) ?? [];
      if (!rarest || list.length < rarest.length) rarest = list;
    }
    return rarest?.filter((item) => labelsMatch(selector, this.#labels(item))) ?? [];
  }

  /** Those that have at least one of the entries, each once. */
  sharing(namespace: string, labels: Labels): Set<T> {
    const found = new Set<T>();
    for (const [key, value] of Object.entries(labels))
      for (const item of this.#byEntry.get(entryKey(namespace, key, value)) ?? []) found.add(item);
    return found;
  }
}

const entryKey = (namespace: string, key: string, value: string): string => `${namespace}\n${key}\n${value}`;
