import { identify } from './identify.ts';
import type { Identified } from './manifest-object.ts';
import type { MeshPart, Reading } from './mesh-part.ts';
import { readObject } from './read-object.ts';

/** The newest valid version of each object: what stays in force when a file is broken. */
export interface LastGood {
  readonly objects: ReadonlyMap<string, LastGoodObject>;
}

export interface LastGoodObject {
  readonly object: Identified;
  readonly part: MeshPart;
  readonly reading: Reading;
  /** Where it was read. */
  readonly file: string;
}

/** JSON for the state directory. */
export const serializeLastGood = ({ lastGood }: { readonly lastGood: LastGood }): string =>
  JSON.stringify({
    version: 1,
    objects: [...lastGood.objects.values()].map(({ file, object }) => ({ file, manifest: object.manifest })),
  });

/** Reads what `serializeLastGood` wrote; objects that this version finds invalid are left out. Throws if it is not JSON. */
export const parseLastGood = (text: string, domainSuffix = 'cluster.local'): LastGood => {
  const objects = new Map<string, LastGoodObject>();
  const stored = JSON.parse(text) as { objects?: unknown } | null;
  const list: unknown[] = Array.isArray(stored?.objects) ? stored.objects : [];
  for (const entry of list as ({ file?: unknown; manifest?: unknown } | null)[]) {
    const { object } = identify(entry?.manifest);
    if (!object || typeof entry?.file !== 'string') continue;
    const reading = readObject(object, domainSuffix);
    if (reading.part) objects.set(object.key, { object, reading, part: reading.part, file: entry.file });
  }
  return { objects };
};
