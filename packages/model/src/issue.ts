import type { Level } from '@weft/base/diagnostic';
import type { ErrorName } from '@weft/base/errors';
import type { FieldPath } from './manifest-file.ts';

/**
 * Something to say about an object, by the field it is about. The position is joined when diagnostics are made, so that
 * a comment inserted in a file moves the diagnostic and nothing else.
 */
export interface Issue {
  readonly error: ErrorName;
  readonly level: Level;
  readonly path: FieldPath;
  readonly message: string;
  readonly hint?: string;
}

/** `spec.http[0].route[1].weight`; a key that is not a plain word in brackets and quotes. */
export const formatPath = (path: FieldPath): string =>
  path
    .map((key, i) => {
      if (typeof key === 'number') return `[${key}]`;
      if (!/^[\w-]+$/.test(key)) return `[${JSON.stringify(key)}]`;
      return i === 0 ? key : `.${key}`;
    })
    .join('');

/** A value as a message shows it: JSON, shortened. */
export const showValue = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};
