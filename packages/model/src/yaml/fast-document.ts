import { plainValue } from './plain-value.ts';

/**
 * The value of one YAML document written as nearly all manifests are: block mappings and lists, scalars on one line,
 * `|` texts, flow collections on one line, JSON. Undefined where anything else stands, mistakes among it: then the
 * `yaml` package, which is ten times slower, has to look. What is answered is what it would answer; a property compares.
 */
export const parseFastDocument = (text: string): { readonly value: unknown } | undefined => {
  if (text.includes('\t') || text.includes('\r') || text.includes('\ufeff')) return undefined;
  try {
    return { value: new FastDocument(text).read() };
  } catch (error) {
    if (error === UNUSUAL) return undefined;
    throw error;
  }
};

/** Thrown for what is left to the other parser. Made once: a stack trace would cost more than the document. */
const UNUSUAL = new Error('not a plain manifest');

const unusual = (): never => {
  throw UNUSUAL;
};

const NEWLINE = 10;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const HASH = 35;
const SINGLE_QUOTE = 39;
const COMMA = 44;
const DASH = 45;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const PIPE = 124;
const CLOSE_BRACE = 125;

/** Above, an implicit key is an error in YAML (1024); nobody writes such keys. */
const MAX_KEY = 500;
/** Deeper than any manifest; the other parser says what it thinks of more. */
const MAX_DEPTH = 100;

/** First characters of plain scalars and keys: letters, digits, and what has no meaning of its own in YAML. */
const STARTS_PLAIN = asciiSet(/[\w./()$+=^<;~\\]/);
const IN_KEY = asciiSet(/[\w./-]/);

function asciiSet(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0));
}

type Mapping = Record<string, unknown>;

/**
 * Recursive descent over the text. Between calls `#at` stands on the first character of a line's content, or of what
 * follows `- ` in it, and `#column` is its column; after the end, `#column` is -1.
 */
class FastDocument {
  readonly #text: string;
  readonly #end: number;
  #at = 0;
  #column = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#end = text.length;
  }

  read(): unknown {
    if (this.#text.startsWith('---')) {
      this.#at = 3;
      this.#endLine();
    } else this.#nextContent();
    if (this.#column < 0) return null;
    const value = this.#isFlow() && this.#column === 0 ? this.#rootFlow() : this.#block(-1);
    return this.#column < 0 ? value : unusual();
  }

  /** Skips blank lines and comments, from the start of a line. */
  #nextContent(): void {
    const text = this.#text;
    for (;;) {
      const start = this.#at;
      let at = start;
      while (text.charCodeAt(at) === SPACE) at++;
      const code = text.charCodeAt(at);
      if (code === HASH) {
        const newline = text.indexOf('\n', at);
        if (newline < 0) at = this.#end;
        else {
          this.#at = newline + 1;
          continue;
        }
      } else if (code === NEWLINE) {
        this.#at = at + 1;
        continue;
      }
      this.#at = at;
      this.#column = at >= this.#end ? -1 : at - start;
      return;
    }
  }

  /** Nothing but a comment may follow in this line; goes to the next content. */
  #endLine(): void {
    if (!this.#atLineEnd()) unusual();
    const newline = this.#text.indexOf('\n', this.#at);
    this.#at = newline < 0 ? this.#end : newline + 1;
    this.#nextContent();
  }

  /** Skips spaces; whether nothing but a comment follows in the line. */
  #atLineEnd(): boolean {
    const from = this.#at;
    while (this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
    const code = this.#text.charCodeAt(this.#at);
    if (code === HASH) return this.#at > from || from === 0 ? true : unusual();
    return code === NEWLINE || this.#at >= this.#end;
  }

  #isFlow(): boolean {
    const code = this.#text.charCodeAt(this.#at);
    return code === OPEN_BRACE || code === OPEN_BRACKET;
  }

  #isItem(): boolean {
    if (this.#text.charCodeAt(this.#at) !== DASH) return false;
    const next = this.#text.charCodeAt(this.#at + 1);
    return next === SPACE || next === NEWLINE || this.#at + 1 >= this.#end;
  }

  /** A value that begins at `#at`, inside of something at column `parent`. */
  #block(parent: number): unknown {
    if (++this.#depth > MAX_DEPTH) unusual();
    let value: unknown;
    if (this.#isItem()) value = this.#list(this.#column);
    else {
      const key = this.#key();
      value = key === undefined ? this.#inline(parent) : this.#mapping(this.#column, key);
    }
    this.#depth--;
    return value;
  }

  /** From behind the colon of its first key. */
  #mapping(column: number, first: string): Mapping {
    const mapping: Mapping = {};
    let key: string = first;
    for (;;) {
      // The other parser reports what is there twice, merges `<<`, and knows about `__proto__`.
      if (key in mapping) unusual();
      mapping[key] = this.#valueOf(column);
      if (this.#column < column) return mapping;
      if (this.#column > column || this.#isItem()) unusual();
      key = this.#key() ?? unusual();
    }
  }

  #valueOf(column: number): unknown {
    if (!this.#atLineEnd()) return this.#inline(column);
    this.#endLine();
    if (this.#column > column) return this.#block(column);
    return this.#column === column && this.#isItem() ? this.#block(column) : null;
  }

  #list(column: number): unknown[] {
    const list: unknown[] = [];
    do {
      this.#at++;
      const start = this.#at;
      if (this.#atLineEnd()) {
        this.#endLine();
        list.push(this.#column > column ? this.#block(column) : null);
      } else {
        this.#column = column + 1 + this.#at - start;
        list.push(this.#block(column));
      }
    } while (this.#column === column && this.#isItem());
    return this.#column > column ? unusual() : list;
  }

  /** A key and its colon, if that is what stands here; else stays. */
  #key(): string | undefined {
    const text = this.#text;
    const start = this.#at;
    const first = text.charCodeAt(start);
    if (first === DOUBLE_QUOTE || first === SINGLE_QUOTE) {
      const key = this.#quoted(first);
      if (text.charCodeAt(this.#at) === COLON && key.length < MAX_KEY && this.#endsKey(this.#at + 1)) {
        this.#at++;
        return key;
      }
      this.#at = start;
      return undefined;
    }
    if (!(STARTS_PLAIN[first] === 1)) return undefined;
    let at = start + 1;
    while (IN_KEY[text.charCodeAt(at)] === 1) at++;
    if (text.charCodeAt(at) !== COLON || at - start > MAX_KEY || !this.#endsKey(at + 1)) return undefined;
    this.#at = at + 1;
    return keyText(text.slice(start, at));
  }

  #endsKey(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code === SPACE || code === NEWLINE || at >= this.#end;
  }

  /** A value that begins in this line; what contains it is at column `parent`. Goes to the next content. */
  #inline(parent: number): unknown {
    const code = this.#text.charCodeAt(this.#at);
    let value: unknown;
    if (code === PIPE) return this.#literal(parent);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) value = this.#quoted(code);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) value = this.#flow(false);
    else value = this.#plain();
    this.#endLine();
    // More of it, or a mistake.
    return this.#column > parent ? unusual() : value;
  }

  #plain(): unknown {
    const text = this.#text;
    const start = this.#at;
    const first = text.charCodeAt(start);
    if (!(STARTS_PLAIN[first] === 1) && !(first === DASH && text.charCodeAt(start + 1) > SPACE)) unusual();
    const newline = text.indexOf('\n', start);
    let end = newline < 0 ? this.#end : newline;
    let last = SPACE;
    for (let at = start; at < end; at++) {
      const code = text.charCodeAt(at);
      if (code === COLON && (at + 1 >= end || text.charCodeAt(at + 1) === SPACE)) unusual();
      if (code === HASH && last === SPACE) {
        end = at;
        break;
      }
      last = code;
    }
    this.#at = end;
    // A comment's # needs the space before it.
    if (end < this.#end && text.charCodeAt(end) === HASH) this.#at--;
    while (text.charCodeAt(end - 1) === SPACE) end--;
    return plainValue(text.slice(start, end));
  }

  /** Goes behind the closing quote. */
  #quoted(quote: number): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    let escapes = false;
    for (; ; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        if (quote === DOUBLE_QUOTE || text.charCodeAt(at + 1) !== SINGLE_QUOTE) break;
        escapes = true;
        at++;
      } else if (code === BACKSLASH && quote === DOUBLE_QUOTE) {
        escapes = true;
        at++;
      } else if (code === NEWLINE || at >= this.#end) unusual();
    }
    this.#at = at + 1;
    const inner = text.slice(start, at);
    if (!escapes) return inner;
    return quote === SINGLE_QUOTE ? inner.replaceAll("''", "'") : unescape(inner);
  }

  /** A collection in brackets or braces; over several lines only where it is the whole document. */
  #flow(lines: boolean): unknown {
    if (++this.#depth > MAX_DEPTH) unusual();
    const list = this.#text.charCodeAt(this.#at) === OPEN_BRACKET;
    const value = list ? this.#flowList(lines) : this.#flowMapping(lines);
    this.#depth--;
    return value;
  }

  #rootFlow(): unknown {
    const value = this.#flow(true);
    this.#endLine();
    return value;
  }

  #flowList(lines: boolean): unknown[] {
    const list: unknown[] = [];
    this.#at++;
    if (this.#flowNext(lines) === CLOSE_BRACKET) {
      this.#at++;
      return list;
    }
    for (;;) {
      list.push(this.#flowValue(lines));
      const code = this.#flowNext(lines);
      this.#at++;
      if (code === CLOSE_BRACKET) return list;
      if (code !== COMMA) unusual();
      this.#flowNext(lines);
    }
  }

  #flowMapping(lines: boolean): Mapping {
    const mapping: Mapping = {};
    this.#at++;
    if (this.#flowNext(lines) === CLOSE_BRACE) {
      this.#at++;
      return mapping;
    }
    for (;;) {
      const first = this.#text.charCodeAt(this.#at);
      const isQuoted = first === DOUBLE_QUOTE || first === SINGLE_QUOTE;
      const start = this.#at;
      const key = isQuoted ? this.#quoted(first) : keyText(this.#flowPlain());
      if (this.#text.charCodeAt(this.#at) !== COLON || this.#at - start > MAX_KEY || key in mapping) unusual();
      this.#at++;
      if (!isQuoted && this.#text.charCodeAt(this.#at) !== SPACE) unusual();
      this.#flowNext(lines);
      mapping[key] = this.#flowValue(lines);
      const code = this.#flowNext(lines);
      this.#at++;
      if (code === CLOSE_BRACE) return mapping;
      if (code !== COMMA) unusual();
      this.#flowNext(lines);
    }
  }

  #flowValue(lines: boolean): unknown {
    const code = this.#text.charCodeAt(this.#at);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) return this.#quoted(code);
    if (code === OPEN_BRACE || code === OPEN_BRACKET) return this.#flow(lines);
    return plainValue(this.#flowPlain());
  }

  #flowPlain(): string {
    const text = this.#text;
    const start = this.#at;
    if (!(STARTS_PLAIN[text.charCodeAt(start)] === 1) && !isNegativeNumber(text, start)) unusual();
    let at = start + 1;
    for (; ; at++) {
      const code = text.charCodeAt(at);
      if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code === NEWLINE) break;
      if (code === COLON && !(text.charCodeAt(at + 1) > SPACE)) break;
      // Brackets and quotes within, comments, and a colon before an indicator.
      if (at >= this.#end || code === OPEN_BRACE || code === OPEN_BRACKET || code === HASH) unusual();
      if (code === COLON && ',[]{}'.includes(text.charAt(at + 1))) unusual();
    }
    this.#at = at;
    let end = at;
    while (text.charCodeAt(end - 1) === SPACE) end--;
    // A key is followed by its colon at once.
    if (end < at && text.charCodeAt(at) === COLON) unusual();
    return text.slice(start, end);
  }

  /** Skips what separates; the next character. */
  #flowNext(lines: boolean): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === SPACE || (code === NEWLINE && lines)) this.#at++;
      else return this.#at >= this.#end || code === NEWLINE ? unusual() : code;
    }
  }

  /** `|` or `|-` and the lines below that are deeper than `parent`. */
  #literal(parent: number): string {
    const text = this.#text;
    this.#at++;
    const strip = text.charCodeAt(this.#at) === DASH;
    if (strip) this.#at++;
    if (!this.#atLineEnd()) unusual();
    let start = text.indexOf('\n', this.#at) + 1;
    if (start === 0) unusual();
    const lines: string[] = [];
    let indent = -1;
    let content = 0;
    while (start < this.#end) {
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? this.#end : newline;
      let at = start;
      while (at < end && text.charCodeAt(at) === SPACE) at++;
      const column = at - start;
      if (at === end) {
        // Spaces alone: deeper than the text, they are text.
        if (indent < 0 && column > parent + 1) unusual();
        lines.push(indent >= 0 && column > indent ? text.slice(start + indent, end) : '');
        if (indent >= 0 && column > indent) content = lines.length;
      } else {
        if (indent < 0 && column > parent) indent = column;
        if (column < indent || indent < 0) {
          if (column > parent && indent >= 0) unusual();
          break;
        }
        lines.push(text.slice(start + indent, end));
        content = lines.length;
      }
      start = newline < 0 ? this.#end : newline + 1;
      if (newline < 0) break;
    }
    if (content === 0) unusual();
    this.#at = start;
    this.#nextContent();
    if (this.#column > parent) unusual();
    const body = lines.slice(0, content).join('\n');
    return strip ? body : `${body}\n`;
  }
}

const isNegativeNumber = (text: string, at: number): boolean => /^-[0-9.]/.test(text.slice(at, at + 2));

/** A key as a property's name; numbers in another form than JavaScript's, and null and the like, are left. */
const keyText = (text: string): string => {
  const value = plainValue(text);
  if (value === text) return text === '<<' ? unusual() : text;
  return typeof value === 'number' && String(value) === text ? text : unusual();
};

/** The escapes that JSON has; YAML has more. */
const unescape = (inner: string): string => {
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    return unusual();
  }
};
