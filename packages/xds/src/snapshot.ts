import { hash } from 'node:crypto';
import type { EncodedResource } from './resource.ts';
import { ResourceIndex } from './resource-index.ts';

/** The resources of one type that one client could be told. */
export interface ResourceMap {
  readonly size: number;
  get(name: string): EncodedResource | undefined;
  has(name: string): boolean;
  keys(): Iterable<string>;
}

/** Everything one client could be told, at one moment. Immutable; snapshots of different clients share their parts. */
export interface Snapshot {
  /** A hash of all versions: equal snapshots have equal versions. */
  readonly version: string;
  /** By type URL. */
  readonly resources: ReadonlyMap<string, ResourceMap>;
}

/** Lists of resources by type URL. */
export type ResourceLists = Readonly<Record<string, readonly object[]>>;

export const emptySnapshot: Snapshot = { version: '', resources: new Map() };

/**
 * Of what a client shares with others, and what is its own; no name of a type may be in both. Encodes what is not yet
 * encoded (see `encodeResource`). Lists are known by identity: give two clients the same array and they share one index,
 * whose difference to the one before is found once for both. `before`: the snapshot that this one is to replace.
 */
export const makeSnapshot = (shared: ResourceLists, own: ResourceLists = {}, before?: Snapshot): Snapshot => {
  const resources = new Map<string, ResourceMap>();
  let sums = '';
  for (const typeUrl of [...new Set([...Object.keys(shared), ...Object.keys(own)])].sort()) {
    const last = before?.resources.get(typeUrl);
    const layers = last instanceof Layers ? last : undefined;
    const map = new Layers(
      ResourceIndex.of(typeUrl, shared[typeUrl] ?? NO_LIST, layers?.shared),
      ResourceIndex.of(typeUrl, own[typeUrl] ?? NO_LIST, layers?.own),
    );
    resources.set(typeUrl, layers && layers.shared === map.shared && layers.own === map.own ? layers : map);
    sums += `${typeUrl} ${(map.shared.high + map.own.high) >>> 0} ${(map.shared.low + map.own.low) >>> 0} `;
  }
  return { version: hash('sha256', sums, 'hex').slice(0, 16), resources };
};

const NO_LIST: readonly object[] = [];

class Layers implements ResourceMap {
  readonly shared: ResourceIndex;
  readonly own: ResourceIndex;

  constructor(shared: ResourceIndex, own: ResourceIndex) {
    this.shared = shared;
    this.own = own;
  }

  get size(): number {
    return this.shared.size + this.own.size;
  }

  get(name: string): EncodedResource | undefined {
    return this.own.get(name) ?? this.shared.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  *keys(): Iterable<string> {
    yield* this.shared.keys();
    yield* this.own.keys();
  }
}

const NO_INDEX = ResourceIndex.of('', NO_LIST);
export const noResources: ResourceMap = new Layers(NO_INDEX, NO_INDEX);

export const resourcesOf = (snapshot: Snapshot, typeUrl: string): ResourceMap =>
  snapshot.resources.get(typeUrl) ?? noResources;

/** Names whose resource is another, new or gone, so that a push costs what changed × who watches it. */
export const diffResources = (before: ResourceMap, after: ResourceMap): readonly string[] => {
  if (before === after) return NO_NAMES;
  if (!(before instanceof Layers && after instanceof Layers)) throw new TypeError('made by makeSnapshot');
  const shared = after.shared.changesSince(before.shared);
  const own = after.own.changesSince(before.own);
  return own.length === 0 ? shared : shared.length === 0 ? own : [...shared, ...own];
};

const NO_NAMES: readonly string[] = [];

/** The types that differ. */
export const changedTypes = (before: Snapshot, after: Snapshot): string[] =>
  [...new Set([...before.resources.keys(), ...after.resources.keys()])].filter(
    (typeUrl) => diffResources(resourcesOf(before, typeUrl), resourcesOf(after, typeUrl)).length > 0,
  );
