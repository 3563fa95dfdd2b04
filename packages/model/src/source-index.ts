import type { ObjectRef, SourcePosition } from '@weft/base/diagnostic';
import { objectKey } from './identify.ts';
import type { FieldPath } from './manifest-file.ts';
import type { ManifestObject } from './manifest-object.ts';

/** Where objects and their fields stand. Kept beside the mesh, so that a comment inserted in a file changes no object. */
export class SourceIndex {
  readonly #objects: ReadonlyMap<string, ManifestObject>;

  constructor(objects: ReadonlyMap<string, ManifestObject>) {
    this.#objects = objects;
  }

  /** The position of an object, or of a field of it (`['spec', 'http', 0]`); undefined if no file has the object now. */
  positionOf(ref: ObjectRef, path: FieldPath = []): SourcePosition | undefined {
    const object = this.#objects.get(objectKey(ref.kind, ref.namespace, ref.name));
    return object && positionIn(object.source, path);
  }

  /** The manifest as it is written, for showing. */
  manifestOf(ref: ObjectRef): Readonly<Record<string, unknown>> | undefined {
    return this.#objects.get(objectKey(ref.kind, ref.namespace, ref.name))?.manifest;
  }
}

export const positionIn = (source: ManifestObject['source'], path: FieldPath): SourcePosition => ({
  file: source.file.path,
  ...source.file.position(source.document, [...source.path, ...path]),
});
