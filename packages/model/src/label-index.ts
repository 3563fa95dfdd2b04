import { type Labels, labelsMatch } from './selector.ts';

/**
 * Things of a namespace by their labels. A selector is looked up by its rarest entry, so that a thousand services
 * over ten thousand pods do not cost ten million comparisons.
 */
export class LabelIndex<T extends { readonly namespace: string }> {
  readonly #byEntry = new Map<string, Set<T>>();
  readonly #labels: (item: T) => Labels;

  constructor(items: Iterable<T>, labels: (item: T) => Labels) {
    this.#labels = labels;
    for (const item of items) this.add(item);
  }

  add(item: T): void {
    for (const [key, value] of Object.entries(this.#labels(item))) {
      const entry = entryKey(item.namespace, key, value);
      const items = this.#byEntry.get(entry);
      if (items) items.add(item);
      else this.#byEntry.set(entry, new Set([item]));
    }
  }

  remove(item: T): void {
    for (const [key, value] of Object.entries(this.#labels(item))) {
      const entry = entryKey(item.namespace, key, value);
      const items = this.#byEntry.get(entry);
      items?.delete(item);
      if (items?.size === 0) this.#byEntry.delete(entry);
    }
  }

  /** Follows a change of what is indexed. */
  apply(changes: Iterable<{ readonly before: T | undefined; readonly after: T | undefined }>): void {
    for (const { before, after } of changes) {
      if (before) this.remove(before);
      if (after) this.add(after);
    }
  }

  /** Those with every entry of the selector; none for an empty one. */
  select(namespace: string, selector: Labels): T[] {
    let rarest: ReadonlySet<T> | undefined;
    for (const [key, value] of Object.entries(selector)) {
      const items = this.#byEntry.get(entryKey(namespace, key, value));
      if (!items) return [];
      if (!rarest || items.size < rarest.size) rarest = items;
    }
    return rarest ? [...rarest].filter((item) => labelsMatch(selector, this.#labels(item))) : [];
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
