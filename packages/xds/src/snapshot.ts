import { createHash } from 'node:crypto';
import { type EncodedResource, encodeResource } from './resource.ts';

export type ResourceMap = ReadonlyMap<string, EncodedResource>;

/** Everything one client could be told, at one moment. Immutable; snapshots of different clients share their parts. */
export interface Snapshot {
  /** A hash of all names and versions: equal snapshots have equal versions. */
  readonly version: string;
  /** By type URL, then by name. */
  readonly resources: ReadonlyMap<string, ResourceMap>;
}

export const emptySnapshot: Snapshot = { version: '', resources: new Map() };

/**
 * Encodes what is not yet encoded (see `encodeResource`). Lists are memoised by identity too: give two clients the
 * same array and they share one map, whose difference to the one before is then found once for both.
 * Of two resources with one name, the last counts.
 */
export const makeSnapshot = (lists: Readonly<Record<string, readonly object[]>>): Snapshot => {
  const resources = new Map<string, ResourceMap>();
  const hash = createHash('sha256');
  for (const typeUrl of Object.keys(lists).sort()) {
    const indexed = indexList(typeUrl, lists[typeUrl] as readonly object[]);
    resources.set(typeUrl, indexed.map);
    hash.update(typeUrl).update(indexed.hash);
  }
  return { version: hash.digest('hex').slice(0, 16), resources };
};

interface IndexedList {
  readonly map: ResourceMap;
  readonly hash: string;
}

const lists = new WeakMap<readonly object[], IndexedList>();

const indexList = (typeUrl: string, list: readonly object[]): IndexedList => {
  const known = lists.get(list);
  if (known) return known;
  const map = new Map<string, EncodedResource>();
  for (const json of list) {
    const resource = encodeResource(typeUrl, json);
    map.set(resource.name, resource);
  }
  const hash = createHash('sha256');
  for (const name of [...map.keys()].sort()) hash.update(name).update(map.get(name)?.version ?? '');
  const indexed = { map, hash: hash.digest('hex') };
  lists.set(list, indexed);
  return indexed;
};

const NONE: ResourceMap = new Map();

export const resourcesOf = (snapshot: Snapshot, typeUrl: string): ResourceMap =>
  snapshot.resources.get(typeUrl) ?? NONE;

export interface ResourceDiff {
  /** Names that are new or have another version. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

const diffs = new WeakMap<ResourceMap, { before: ResourceMap; diff: ResourceDiff }>();

/** What changed between two maps of one type; found once per pair, so that a push costs what changed × who watches it. */
export const diffResources = (before: ResourceMap, after: ResourceMap): ResourceDiff => {
  if (before === after) return NO_DIFF;
  const known = diffs.get(after);
  if (known && known.before === before) return known.diff;
  const changed: string[] = [];
  const removed: string[] = [];
  for (const [name, resource] of after) if (before.get(name)?.version !== resource.version) changed.push(name);
  for (const name of before.keys()) if (!after.has(name)) removed.push(name);
  const diff = { changed, removed };
  diffs.set(after, { before, diff });
  return diff;
};

const NO_DIFF: ResourceDiff = { changed: [], removed: [] };

/** The types that differ, with what differs in each. */
export const diffSnapshots = (before: Snapshot, after: Snapshot): ReadonlyMap<string, ResourceDiff> => {
  const result = new Map<string, ResourceDiff>();
  for (const typeUrl of new Set([...before.resources.keys(), ...after.resources.keys()])) {
    const diff = diffResources(resourcesOf(before, typeUrl), resourcesOf(after, typeUrl));
    if (diff.changed.length > 0 || diff.removed.length > 0) result.set(typeUrl, diff);
  }
  return result;
};
