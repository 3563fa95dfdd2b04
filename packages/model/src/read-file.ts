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

const filesRead = new WeakMap<ManifestFile, FileContents>();

/** The objects of a file, Lists taken apart. A file with a syntax error has none: all of it is unreadable. */
export const readFile = (file: ManifestFile): FileContents => {
  let contents = filesRead.get(file);
  if (!contents) filesRead.set(file, (contents = read(file)));
  return contents;
};

const read = (file: ManifestFile): FileContents => {
  const broken = file.documents.some((document) => !document.intact);
  const objects: ManifestObject[] = [];
  const unreadable: Unreadable[] = [];
  file.documents.forEach((document, place) => {
    const found = readDocument(file.path, document);
    for (const problem of found.unreadable) unreadable.push(broken ? { ...problem, issue: undefined } : problem);
    for (const object of found.objects) {
      if (broken) unreadable.push({ source: object.source, ref: object, issue: undefined, value: object.manifest });
      else objects.push(object.name === '' ? withoutName(object, place) : object);
    }
  });
  return { file, objects, unreadable };
};

/** What has no name cannot be there twice: its place makes a key of its own. */
const withoutName = (object: ManifestObject, place: number): ManifestObject => ({
  ...object,
  key: `${object.key}#${object.source.file}#${place}#${object.source.path.join()}`,
});

type DocumentContents = Pick<FileContents, 'objects' | 'unreadable'>;

const documentsRead = new WeakMap<ManifestDocument, DocumentContents>();

/** A document belongs to versions of one file, so that its objects are the same as long as its text is. */
const readDocument = (file: string, document: ManifestDocument): DocumentContents => {
  const known = documentsRead.get(document);
  if (known) return known;
  const objects: ManifestObject[] = [];
  const unreadable: Unreadable[] = [];
  const take = (value: unknown, path: FieldPath): void => {
    if (value === null || value === undefined) return;
    if (isRecord(value) && Array.isArray(value.items) && String(value.kind).endsWith('List')) {
      value.items.forEach((item, i) => take(item, [...path, 'items', i]));
      return;
    }
    const source = { file, document, path };
    const found = identify(value);
    if (found.issue) unreadable.push({ source, ref: found.ref, issue: found.issue, value });
    else objects.push({ ...found.object, source });
  };
  take(document.value, []);
  const contents = { objects, unreadable };
  documentsRead.set(document, contents);
  return contents;
};
