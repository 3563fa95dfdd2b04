interface Remembered {
  readonly deps: readonly unknown[];
  readonly value: unknown;
}

/** How many things were looked at, changed or not; for tests that a change costs what it concerns. */
export const visits = { count: 0 };

const memories = new WeakMap<object, Map<string, Remembered>>();

/**
 * What was built for `key`, as long as every dependency is the very same (`===`) as then; else what `build` makes now.
 * The memory belongs to `anchor` and is collected with it. Of each key only the last value is kept: what several
 * proxies see differently needs different anchors or keys.
 *
 * Identity is the point: @weft/xds encodes an object once and shares its bytes between proxies and snapshots.
 */
export const remember = <T>(anchor: object, key: string, deps: readonly unknown[], build: () => T): T => {
  visits.count++;
  let memory = memories.get(anchor);
  if (!memory) memories.set(anchor, (memory = new Map()));
  const known = memory.get(key);
  if (known && sameItems(known.deps, deps)) return known.value as T;
  const value = build();
  memory.set(key, { deps, value });
  return value;
};

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
