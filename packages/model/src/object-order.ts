import type { MeshObject } from './mesh.ts';
import { compareKeys, sortedIndex } from './sorted-map.ts';
import type { Change } from './revision.ts';

type Named = Pick<MeshObject<unknown>, 'creationTimestamp' | 'namespace' | 'name'>;

/** The order in which objects apply: the oldest first; those without a timestamp (files) before, by namespace and name. */
export const compareObjects = (a: Named, b: Named): number =>
  compareKeys(a.creationTimestamp ?? '', b.creationTimestamp ?? '') ||
  compareKeys(a.namespace, b.namespace) ||
  compareKeys(a.name, b.name);

/** A list in that order, after changes; the same list if there are none. */
export const withChanges = <T extends Named>(list: readonly T[], changes: readonly Change<T>[]): readonly T[] => {
  if (changes.length === 0) return list;
  if (list.length === 0) return changes.flatMap(({ after }) => (after ? [after] : [])).sort(compareObjects);
  const next = [...list];
  for (const { before, after } of changes) {
    if (before) next.splice(indexIn(next, before), 1);
    if (after) next.splice(indexIn(next, after), 0, after);
  }
  return next;
};

const indexIn = <T extends Named>(list: readonly T[], item: T): number =>
  sortedIndex(list, (other) => compareObjects(other, item));
