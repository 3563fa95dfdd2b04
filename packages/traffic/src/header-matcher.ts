import { hasPath, type RequestView } from './request.ts';
import type { StringMatcher } from './string-matcher.ts';

export type HeaderCondition =
  | { readonly kind: 'present'; readonly expected: boolean }
  | { readonly kind: 'string'; readonly matcher: StringMatcher }
  /** `start` is in the range, `end` is not. */
  | { readonly kind: 'range'; readonly start: number; readonly end: number };

/**
 * Envoy's `route.v3.HeaderMatcher`. Of a repeated header each value is looked at, and all of them joined by commas: as in
 * Envoy 1.40, so that a policy on a value is not evaded by sending another one too.
 * A header that is not there never matches, inverted or not, unless it is treated as empty (or its absence is asked for).
 */
export class HeaderMatcher {
  /** Lower case; `:method`, `:path`, `:authority` (also as `host`) and `:scheme` are those of the request. */
  readonly name: string;
  readonly #condition: HeaderCondition;
  readonly #invert: boolean;
  readonly #missingIsEmpty: boolean;

  constructor(name: string, condition: HeaderCondition, invert: boolean, missingIsEmpty: boolean) {
    this.name = name;
    this.#condition = condition;
    this.#invert = invert;
    this.#missingIsEmpty = missingIsEmpty;
  }

  matches(request: RequestView): boolean {
    const value = joinedHeader(request, this.name);
    const condition = this.#condition;
    if (condition.kind === 'present') {
      return ((value !== undefined || this.#missingIsEmpty) === condition.expected) !== this.#invert;
    }
    if (value === undefined && !this.#missingIsEmpty) return false;
    const text = value ?? '';
    const matched =
      condition.kind === 'string'
        ? condition.matcher.matches(text) || (text.includes(',') && this.#matchesOne(request, condition.matcher))
        : inRange(text, condition.start, condition.end);
    return matched !== this.#invert;
  }

  #matchesOne({ headers }: RequestView, matcher: StringMatcher): boolean {
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === this.name && matcher.matches(headers[i + 1] as string)) return true;
    }
    return false;
  }

  toString(): string {
    const c = this.#condition;
    const not = this.#invert ? 'not ' : '';
    if (c.kind === 'present') return `header ${this.name} ${c.expected !== this.#invert ? 'present' : 'absent'}`;
    if (c.kind === 'range') return `header ${this.name} ${not}in [${c.start}, ${c.end})`;
    return `header ${this.name} ${not}${String(c.matcher)}`;
  }
}

const inRange = (text: string, start: number, end: number): boolean => {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) return false;
  const number = Number(text);
  return number >= start && number < end;
};

/** All values of a header, joined by commas; undefined if there is none. Allocates only for a repeated header. */
export const joinedHeader = (request: RequestView, name: string): string | undefined => {
  if (name.charCodeAt(0) === 0x3a) return pseudoHeader(request, name);
  if (name === 'host') return request.authority;
  const { headers } = request;
  let value: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) value = value === undefined ? headers[i + 1] : `${value},${headers[i + 1]}`;
  }
  return value;
};

const pseudoHeader = (request: RequestView, name: string): string | undefined => {
  switch (name) {
    case ':path':
      return hasPath(request.path) ? request.path : undefined;
    case ':method':
      return request.method;
    case ':authority':
      return request.authority;
    case ':scheme':
      return request.scheme;
    default:
      return undefined;
  }
};
