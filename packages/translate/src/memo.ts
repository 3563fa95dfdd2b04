import type { Mesh } from '@weft/model/mesh';

interface Remembered {
  readonly deps: readonly unknown[];
  readonly value: unknown;
}

const memories = new WeakMap<object, Map<string, Remembered>>();

/**
 * What was built for `key`, as long as every dependency is the very same (`===`) as then; else what `build` makes now.
 * The memory belongs to `anchor` and is collected with it. Of each key only the last value is kept: what several
 * proxies see differently needs different anchors or keys.
 *
 * Identity is the point: @weft/xds encodes an object once and shares its bytes between proxies and snapshots.
 */
export const remember = <T>(anchor: object, key: string, deps: readonly unknown[], build: () => T): T => {
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

const NOTHING: readonly unknown[] = [];

/** Once for each mesh and key: for what is looked up again and again while one mesh is translated for many proxies. */
export const oncePerMesh = <T>(mesh: Mesh, key: string, build: () => T): T => remember(mesh, key, NOTHING, build);
