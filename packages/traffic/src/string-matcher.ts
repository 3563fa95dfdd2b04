import type { Regex } from './regex.ts';

export type StringMatchKind = 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';

/** Envoy's `type.matcher.v3.StringMatcher`. One class for all kinds, so that call sites stay monomorphic. */
export class StringMatcher {
  readonly kind: StringMatchKind;
  /** Lower case where case is ignored; the pattern for `regex`. */
  readonly value: string;
  readonly ignoreCase: boolean;
  readonly #regex: Regex | null;

  /** `ignoreCase` has no effect on a regex, as in Envoy. */
  constructor(kind: StringMatchKind, value: string, ignoreCase: boolean, regex: Regex | null) {
    this.kind = kind;
    this.ignoreCase = ignoreCase && kind !== 'regex';
    this.value = this.ignoreCase ? value.toLowerCase() : value;
    this.#regex = regex;
  }

  matches(input: string): boolean {
    const text = this.ignoreCase ? input.toLowerCase() : input;
    switch (this.kind) {
      case 'exact':
        return text === this.value;
      case 'prefix':
        return text.startsWith(this.value);
      case 'suffix':
        return text.endsWith(this.value);
      case 'contains':
        return text.includes(this.value);
      default:
        return this.#regex?.matches(text) ?? false;
    }
  }

  toString(): string {
    return `${this.kind} "${this.value}"${this.ignoreCase ? ' (any case)' : ''}`;
  }
}
