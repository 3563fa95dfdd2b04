import type { ObjectRef, SourcePosition } from '@weft/base/diagnostic';
import { objectKey } from './identify.ts';
import type { FieldPath } from './manifest-file.ts';
import type { ManifestObject, ObjectSource } from './manifest-object.ts';
import type { ObjectTable } from './object-table.ts';

/** Where objects and their fields stand. Kept beside the mesh, so that a comment inserted in a file changes no object. */
export class SourceIndex {
  readonly #table: ObjectTable;

  constructor(table: ObjectTable) {
    this.#table = table;
  }

  /** The position of an object, or of a field of it (`['spec', 'http', 0]`); undefined if no file has the object now. */
  positionOf(ref: ObjectRef, path: FieldPath = []): SourcePosition | undefined {
    const object = this.#find(ref);
    return object && this.positionIn(object.source, path);
  }

  /** The manifest as it is written, for showing. */
  manifestOf(ref: ObjectRef): Readonly<Record<string, unknown>> | undefined {
    return this.#find(ref)?.manifest;
  }

  positionIn(source: ObjectSource, path: FieldPath): SourcePosition {
    const at = this.#table.files.get(source.file)?.position(source.document, [...source.path, ...path]);
    return { file: source.file, line: 1, column: 1, ...at };
  }

  #find(ref: ObjectRef): ManifestObject | undefined {
    return this.#table.objects.get(objectKey(ref.kind, ref.namespace, ref.name))?.[0];
  }
}
