import type { LastGoodObject } from './last-good.ts';
import type { Identified, ManifestObject } from './manifest-object.ts';
import type { Reading } from './mesh-part.ts';
import type { ObjectTable } from './object-table.ts';
import { readObject } from './read-object.ts';
import { SortedMap } from './sorted-map.ts';

export interface KnownReading {
  readonly object: ManifestObject;
  readonly reading: Reading;
}

/** Objects as they were read, by key; of several of one name the one that counts. Immutable. */
export interface Readings {
  readonly all: SortedMap<KnownReading>;
  /** Those without a part. */
  readonly invalid: SortedMap<KnownReading>;
  readonly withIssues: SortedMap<KnownReading>;
}

export const noReadings: Readings = {
  all: SortedMap.of<KnownReading>([]),
  invalid: SortedMap.of<KnownReading>([]),
  withIssues: SortedMap.of<KnownReading>([]),
};

/** Reads the objects of these keys. One that says what it said before, or what a last good version says, is not read again. */
export const changeReadings = (
  before: Readings,
  table: ObjectTable,
  keys: Iterable<string>,
  domainSuffix: string,
  lastGood: ReadonlyMap<string, LastGoodObject> | undefined,
): Readings => {
  const changes = new Map<string, KnownReading | undefined>();
  for (const key of keys) {
    const object = table.objects.get(key)?.[0];
    if (!object) {
      changes.set(key, undefined);
      continue;
    }
    const known = before.all.get(key);
    if (known?.object === object) continue;
    const same = [known, lastGood?.get(key)].find((k) => k && sameManifest(k.object, object));
    changes.set(key, { object, reading: same?.reading ?? readObject(object, domainSuffix) });
  }
  const those = (which: (reading: Reading) => boolean): ReadonlyMap<string, KnownReading | undefined> =>
    new Map([...changes].map(([key, known]) => [key, known && which(known.reading) ? known : undefined]));
  return {
    all: before.all.with(changes),
    invalid: before.invalid.with(those(({ part }) => part === undefined)),
    withIssues: before.withIssues.with(those(({ issues }) => issues.length > 0)),
  };
};

const sameManifest = (a: Identified, b: Identified): boolean =>
  a.manifest === b.manifest || JSON.stringify(a.manifest) === JSON.stringify(b.manifest);
