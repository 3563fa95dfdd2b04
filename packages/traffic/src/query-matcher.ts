import type { StringMatcher } from './string-matcher.ts';

/** Envoy's `route.v3.QueryParameterMatcher`: on the first value of the name, as it stands (not decoded). */
export class QueryMatcher {
  readonly name: string;
  /** Null asks for presence or absence only. */
  readonly #matcher: StringMatcher | null;
  readonly #present: boolean;

  constructor(name: string, matcher: StringMatcher | null, present: boolean) {
    this.name = name;
    this.#matcher = matcher;
    this.#present = present;
  }

  matches(path: string): boolean {
    const value = queryParameter(path, this.name);
    if (!this.#matcher) return (value !== undefined) === this.#present;
    return value !== undefined && this.#matcher.matches(value);
  }

  toString(): string {
    return `query parameter ${this.name} ${String(this.#matcher ?? (this.#present ? 'present' : 'absent'))}`;
  }
}

/** `?a=1&b` has a = `1` and b = ``. Undefined if the name is not there. */
export const queryParameter = (path: string, name: string): string | undefined => {
  let at = path.indexOf('?') + 1;
  if (at === 0) return undefined;
  while (at <= path.length) {
    let end = path.indexOf('&', at);
    if (end === -1) end = path.length;
    if (path.startsWith(name, at)) {
      const after = at + name.length;
      if (after === end) return '';
      if (after < end && path.charCodeAt(after) === 0x3d) return path.slice(after + 1, end);
    }
    at = end + 1;
  }
  return undefined;
};
