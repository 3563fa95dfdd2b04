import type { ManifestFile } from './manifest-file.ts';
import type { ManifestObject } from './manifest-object.ts';
import { type FileContents, readFile } from './read-file.ts';
import { compareKeys, SortedMap } from './sorted-map.ts';

/** The objects that files hold. Immutable. */
export interface ObjectTable {
  /** By path. */
  readonly files: SortedMap<ManifestFile>;
  /** By key; of several of one name the first in the order of files counts, and is the first here. */
  readonly objects: SortedMap<readonly ManifestObject[]>;
  /** Those that are there more than once. */
  readonly repeated: SortedMap<readonly ManifestObject[]>;
  /** Files with something that cannot be read, by path. */
  readonly doubtful: SortedMap<FileContents>;
}

export const emptyTable: ObjectTable = {
  files: SortedMap.of<ManifestFile>([]),
  objects: SortedMap.of<readonly ManifestObject[]>([]),
  repeated: SortedMap.of<readonly ManifestObject[]>([]),
  doubtful: SortedMap.of<FileContents>([]),
};

/** Undefined for a file that is gone. Costs what the changed files hold. */
export const changeFiles = (
  table: ObjectTable,
  changes: ReadonlyMap<string, ManifestFile | undefined>,
): { readonly table: ObjectTable; readonly affected: ReadonlySet<string> } => {
  const removed = new Set<ManifestObject>();
  const added = new Map<string, ManifestObject[]>();
  const affected = new Set<string>();
  const doubtful = new Map<string, FileContents | undefined>();
  for (const [path, file] of changes) {
    const was = table.files.get(path);
    const before = new Set(was && readFile(was).objects);
    const contents = file && readFile(file);
    for (const object of contents?.objects ?? []) {
      if (before.delete(object)) continue;
      affected.add(object.key);
      const list = added.get(object.key);
      if (list) list.push(object);
      else added.set(object.key, [object]);
    }
    for (const object of before) {
      affected.add(object.key);
      removed.add(object);
    }
    const isDoubtful = contents && (contents.unreadable.length > 0 || contents.file.errors.length > 0);
    doubtful.set(path, isDoubtful ? contents : undefined);
  }
  const files = table.files.with(changes);
  // Documents that changed places may have changed which of them is the first.
  for (const [key, objects] of table.repeated) if (objects.some((o) => changes.has(o.source.file))) affected.add(key);
  const objects = new Map<string, readonly ManifestObject[] | undefined>();
  const repeated = new Map<string, readonly ManifestObject[] | undefined>();
  for (const key of affected) {
    const left = (table.objects.get(key) ?? []).filter((object) => !removed.has(object));
    const all = [...left, ...(added.get(key) ?? [])];
    if (all.length > 1) all.sort((a, b) => comparePlaces(files, a, b));
    objects.set(key, all.length > 0 ? all : undefined);
    repeated.set(key, all.length > 1 ? all : undefined);
  }
  return {
    affected,
    table: {
      files,
      objects: table.objects.with(objects),
      repeated: table.repeated.with(repeated),
      doubtful: table.doubtful.with(doubtful),
    },
  };
};

const comparePlaces = (files: SortedMap<ManifestFile>, a: ManifestObject, b: ManifestObject): number => {
  if (a.source.file !== b.source.file) return compareKeys(a.source.file, b.source.file);
  const file = files.get(a.source.file);
  const place = (object: ManifestObject): number => file?.placeOf(object.source.document) ?? 0;
  return place(a) - place(b) || Number(a.source.path.at(-1) ?? 0) - Number(b.source.path.at(-1) ?? 0);
};
