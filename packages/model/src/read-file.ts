import type { ObjectRef } from '@weft/base/diagnostic';
import { identify } from './identify.ts';
import type { Issue } from './issue.ts';
import type { ManifestDocument } from './manifest-document.ts';
import type { FieldPath, ManifestFile } from './manifest-file.ts';
import { isRecord, type ManifestObject, type ObjectSource } from './manifest-object.ts';

/** Something a file holds that cannot be told to be an object; `value` is what could be made of it. */
export interface Unreadable {
  readonly source: ObjectSource;
  readonly ref: ObjectRef;
  readonly issue: Issue | undefined;
  readonly value: unknown;
}

export interface FileContents {
  readonly file: ManifestFile;
  readonly objects: readonly ManifestObject[];
  readonly unreadable: readonly Unreadable[];
}

const known = new WeakMap<ManifestFile, FileContents>();

/** The objects of a file, Lists taken apart. A file with a syntax error has none: all of it is unreadable. */
export const readFile = (file: ManifestFile): FileContents => {
  let contents = known.get(file);
  if (!contents) known.set(file, (contents = read(file)));
  return contents;
};

const read = (file: ManifestFile): FileContents => {
  const objects: ManifestObject[] = [];
  const unreadable: Unreadable[] = [];
  const broken = file.errors.length > 0;
  const take = (value: unknown, document: ManifestDocument, path: FieldPath): void => {
    if (value === null || value === undefined) return;
    if (isRecord(value) && Array.isArray(value.items) && String(value.kind).endsWith('List')) {
      value.items.forEach((item, i) => take(item, document, [...path, 'items', i]));
      return;
    }
    const source = { file, document, path };
    const found = identify(value);
    if (found.issue) unreadable.push({ source, ref: found.ref, issue: broken ? undefined : found.issue, value });
    else if (broken) unreadable.push({ source, ref: found.object, issue: undefined, value });
    else objects.push({ ...found.object, source });
  };
  for (const document of file.documents) take(document.value, document, []);
  return { file, objects, unreadable };
};
