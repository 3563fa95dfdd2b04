import { identify } from './identify.ts';
import type { Identified } from './manifest-object.ts';
import type { MeshPart, Reading } from './mesh-part.ts';
import { readObject } from './read-object.ts';

/** The newest valid version of each object: what stays in force when a file is broken. */
export interface LastGood {
  readonly objects: ReadonlyMap<string, LastGoodObject>;
  /** Keys of those that may differ from the load before this; left out where there was none. */
  readonly changed?: ReadonlySet<string>;
}

export interface LastGoodObject {
  readonly object: Identified;
  readonly part: MeshPart;
  readonly reading: Reading;
  /** Where it was read. */
  readonly file: string;
}

/** What of an object is kept on disk: JSON. */
export interface StoredObject {
  readonly file: string;
  readonly manifest: unknown;
}

export const storedObject = ({ file, object }: LastGoodObject): StoredObject => ({ file, manifest: object.manifest });

/** Reads what `storedObject` made; what is not such, and objects that this version finds invalid, are left out. */
export const recallLastGood = (stored: Iterable<unknown>, domainSuffix = 'cluster.local'): LastGood => {
  const objects = new Map<string, LastGoodObject>();
  for (const entry of stored as Iterable<Partial<StoredObject> | null>) {
    const { object } = identify(entry?.manifest);
    if (!object || typeof entry?.file !== 'string') continue;
    const reading = readObject(object, domainSuffix);
    if (reading.part) objects.set(object.key, { object, reading, part: reading.part, file: entry.file });
  }
  return { objects };
};
