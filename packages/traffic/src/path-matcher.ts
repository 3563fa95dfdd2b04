import type { Regex } from './regex.ts';
import { hasPath, type RequestView } from './request.ts';

export type PathMatchKind = 'prefix' | 'exact' | 'separated_prefix' | 'regex' | 'connect';

/** How a route looks at the path, always without the query. Only `connect` matches a request that has no path. */
export class PathMatcher {
  readonly kind: PathMatchKind;
  /** Lower case where case is ignored. */
  readonly value: string;
  readonly caseSensitive: boolean;
  readonly #regex: Regex | null;

  constructor(kind: PathMatchKind, value: string, caseSensitive: boolean, regex: Regex | null) {
    this.kind = kind;
    this.caseSensitive = caseSensitive;
    this.value = caseSensitive || kind === 'regex' ? value : value.toLowerCase();
    this.#regex = regex;
  }

  matches(request: RequestView): boolean {
    const { path } = request;
    if (this.kind === 'connect') return request.method === 'CONNECT';
    if (!hasPath(path)) return false;
    const question = path.indexOf('?');
    const length = question === -1 ? path.length : question;
    switch (this.kind) {
      case 'prefix':
        return this.#beginsWith(path, length);
      case 'exact':
        return length === this.value.length && this.#beginsWith(path, length);
      case 'separated_prefix':
        return (
          this.#beginsWith(path, length) &&
          (length === this.value.length || path.charCodeAt(this.value.length) === 0x2f)
        );
      default:
        return this.#regex?.matches(question === -1 ? path : path.slice(0, question)) ?? false;
    }
  }

  #beginsWith(path: string, length: number): boolean {
    if (this.value.length > length) return false;
    return this.caseSensitive ? path.startsWith(this.value) : beginsWithIgnoringCase(path, this.value);
  }

  toString(): string {
    if (this.kind === 'connect') return 'method CONNECT';
    return `path ${this.kind.replace('_', ' ')} "${this.value}"${this.caseSensitive ? '' : ' (any case)'}`;
  }
}

/** ASCII only, as Envoy; `lower` is lower case and not longer than `text`. */
const beginsWithIgnoringCase = (text: string, lower: string): boolean => {
  for (let i = 0; i < lower.length; i++) {
    let c = text.charCodeAt(i);
    if (c >= 0x41 && c <= 0x5a) c += 0x20;
    if (c !== lower.charCodeAt(i)) return false;
  }
  return true;
};
