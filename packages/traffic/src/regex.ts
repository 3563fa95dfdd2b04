import { RE2JS } from 're2js';
import { parseSimplePattern } from './simple-pattern.ts';

/** A pattern in RE2's syntax that must match a whole value, as Envoy's `safe_regex` does. Linear in the value's length. */
export interface Regex {
  readonly pattern: string;
  matches(value: string): boolean;
}

/** Throws (`RE2JSException`) if the pattern is not valid. Simple patterns become string operations. */
export const compileRegex = (pattern: string): Regex => {
  const alternatives = literalAlternatives(pattern);
  if (alternatives) return new OneOf(pattern, alternatives);
  const simple = parseSimplePattern(pattern);
  if (!simple) return new Re2(pattern);
  if (!simple.literal) return new Native(pattern, new RegExp(`^${simple.source}$`));
  const { text, openStart, openEnd } = simple.literal;
  return new Literal(pattern, text, openStart, openEnd);
};

/** `a|b|c`, perhaps in one pair of brackets, of plain characters. */
const literalAlternatives = (pattern: string): ReadonlySet<string> | null => {
  const body = /^\^?(?:\(([^()]*)\)|([^()]*))\$?$/.exec(pattern);
  const inner = body?.[1] ?? body?.[2];
  if (inner === undefined || !inner.includes('|')) return null;
  if (body?.[2] !== undefined && (pattern.startsWith('^') || pattern.endsWith('$'))) return null;
  if (/[\\^$.?*+[\]{}]/.test(inner)) return null;
  return new Set(inner.split('|'));
};

class OneOf implements Regex {
  readonly pattern: string;
  readonly #values: ReadonlySet<string>;
  constructor(pattern: string, values: ReadonlySet<string>) {
    this.pattern = pattern;
    this.#values = values;
  }
  matches(value: string): boolean {
    return this.#values.has(value);
  }
}

class Literal implements Regex {
  readonly pattern: string;
  readonly #text: string;
  readonly #openStart: boolean;
  readonly #openEnd: boolean;
  constructor(pattern: string, text: string, openStart: boolean, openEnd: boolean) {
    this.pattern = pattern;
    this.#text = text;
    this.#openStart = openStart;
    this.#openEnd = openEnd;
  }
  matches(value: string): boolean {
    if (!this.#openStart) return this.#openEnd ? value.startsWith(this.#text) : value === this.#text;
    return this.#openEnd ? value.includes(this.#text) : value.endsWith(this.#text);
  }
}

class Native implements Regex {
  readonly pattern: string;
  readonly #regExp: RegExp;
  constructor(pattern: string, regExp: RegExp) {
    this.pattern = pattern;
    this.#regExp = regExp;
  }
  matches(value: string): boolean {
    return this.#regExp.test(value);
  }
}

class Re2 implements Regex {
  readonly pattern: string;
  readonly #re2: RE2JS;
  constructor(pattern: string) {
    this.pattern = pattern;
    this.#re2 = RE2JS.compile(pattern);
  }
  matches(value: string): boolean {
    return this.#re2.testExact(value);
  }
}

/** Replaces every match of a pattern; `\1` to `\9` in the substitution are groups, `\0` the match, `\\` a backslash. */
export class RegexRewrite {
  readonly pattern: string;
  readonly #re2: RE2JS;
  readonly #parts: readonly (string | number)[];

  /** Throws if the pattern is not valid or the substitution names a group that it lacks. */
  constructor(pattern: string, substitution: string) {
    this.pattern = pattern;
    this.#re2 = RE2JS.compile(pattern);
    const parts: (string | number)[] = [];
    for (const [piece] of substitution.matchAll(/\\.?|[^\\]+/gs)) {
      if (!piece.startsWith('\\')) parts.push(piece);
      else if (piece === '\\\\') parts.push('\\');
      else if (/^\\\d$/.test(piece)) parts.push(Number(piece[1]));
      else throw new Error(`"${piece}" in the substitution is neither a group (\\0 to \\9) nor \\\\`);
    }
    const missing = parts.find((part) => typeof part === 'number' && part > this.#re2.groupCount());
    if (missing !== undefined) throw new Error(`the substitution names group \\${missing}, which the pattern has not`);
    this.#parts = parts;
  }

  rewrite(text: string): string {
    const parts = this.#parts;
    let out = '';
    let from = 0;
    const matcher = this.#re2.matcher(text);
    while (matcher.find()) {
      out += text.slice(from, matcher.start());
      for (const part of parts) out += typeof part === 'string' ? part : (matcher.group(part) ?? '');
      from = matcher.end();
    }
    return out + text.slice(from);
  }
}
