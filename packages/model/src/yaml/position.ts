/** A field's place in an object: `['spec', 'http', 0, 'match']`. */
export type FieldPath = readonly (string | number)[];

/** Both from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}
