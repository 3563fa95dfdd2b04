import type { ObjectRef } from '@weft/base/diagnostic';
import type { ManifestDocument } from './manifest-document.ts';
import type { FieldPath } from './manifest-file.ts';

/** An object that says what it is; not yet validated. */
export interface Identified extends ObjectRef {
  /** What may exist once: `Kind/namespace/name`, before it the group where two groups have a kind of one name. */
  readonly key: string;
  readonly group: string;
  readonly version: string;
  readonly manifest: Readonly<Record<string, unknown>>;
}

/** An object as it stands in a file. */
export interface ManifestObject extends Identified {
  readonly source: ObjectSource;
}

export interface ObjectSource {
  /** Its path. */
  readonly file: string;
  readonly document: ManifestDocument;
  /** Empty, or `['items', n]` in a List. */
  readonly path: FieldPath;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The group and version of an apiVersion: `apps/v1` → apps, v1; `v1` → '', v1. */
export const splitApiVersion = (apiVersion: string): { group: string; version: string } => {
  const slash = apiVersion.lastIndexOf('/');
  return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1) };
};
