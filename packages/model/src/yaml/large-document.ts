import { Composer, type Document, isScalar, Lexer, LineCounter, Parser, visit } from 'yaml';
import type { TextPosition } from './position.ts';

/**
 * Documents that are larger than people write are looked at in linear time before they are parsed: the `yaml` package takes a
 * time that grows with the square of the number of errors, of keys in a map and of the depth. What a small one may cost is bounded by
 * its size.
 */
export const LARGE_CHARS = 64 * 1024;
/** No larger document is parsed, unless it is plain enough for our own parser. Kubernetes takes no object above 1.5 MiB. */
export const MAX_CHARS = 4 * 1024 * 1024;
const MAX_DEPTH = 200;

export interface LargeProblem {
  readonly at: TextPosition;
  readonly message: string;
}

/** Why a large document is not parsed: the first error of its syntax, what would take too long; undefined for a good one. */
export const problemOfLarge = (text: string): LargeProblem | undefined => {
  if (text.length <= LARGE_CHARS) return undefined;
  if (text.length > MAX_CHARS)
    return { at: startOf(text), message: `a document of ${text.length} characters; at most ${MAX_CHARS} are read` };
  return tooDeep(text) ?? firstError(text);
};

/** Where the first thing that is not a comment stands. */
export const startOf = (text: string): TextPosition => {
  const found = /^[^\S\n]*[^\s#]/m.exec(text);
  if (!found) return { line: 1, column: 1 };
  return positionOf(text, found.index + found[0].length - 1);
};

const positionOf = (text: string, offset: number): TextPosition => {
  let line = 1;
  let last = -1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1;
    last = at;
  }
  return { line, column: offset - last };
};

/** By brackets, and by dashes in one line. Deeper block structure needs an indentation for each level, and so a long text. */
const tooDeep = (text: string): LargeProblem | undefined => {
  let offset = 0;
  let brackets = 0;
  let dashes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '[' || lexeme === '{') brackets += 1;
    else if ((lexeme === ']' || lexeme === '}') && brackets > 0) brackets -= 1;
    else if (lexeme === '-' || lexeme === '?') dashes += 1;
    else if (lexeme.includes('\n')) dashes = 0;
    if (brackets > MAX_DEPTH || dashes > MAX_DEPTH)
      return { at: positionOf(text, offset), message: `nested more than ${MAX_DEPTH} deep` };
    // Marks of the lexer's own, which stand for nothing in the text.
    if (!MARKS.has(lexeme)) offset += lexeme.length;
  }
  return undefined;
};

/** Document start, flow error, scalar: https://eemeli.org/yaml/#lexer */
const MARKS: ReadonlySet<string> = new Set(['\u0002', '\u0018', '\u001f']);

class FirstError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** Stops at the first error. */
const firstError = (text: string): LargeProblem | undefined => {
  const lines = new LineCounter();
  let first: FirstError | undefined;
  const composer = new Composer({ merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
  (composer as unknown as { onError: OnError }).onError = (source, _code, message, warning) => {
    if (warning) return;
    // What is thrown here comes back as an error of each collection around it.
    first ??= new FirstError(typeof source === 'number' ? source : offsetOf(source), message);
    throw first;
  };
  try {
    for (const document of composer.compose(new Parser(lines.addNewLine).parse(text))) {
      const error = document.errors[0];
      if (error) throw new FirstError(error.pos[0], error.message);
      rejectRepeatedKeys(document);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof FirstError)) throw error;
    const { line, col } = lines.linePos(error.offset);
    return { at: line === 0 ? { line: 1, column: 1 } : { line, column: col }, message: error.message };
  }
};

type OnError = (source: unknown, code: string, message: string, warning?: boolean) => void;

const offsetOf = (source: unknown): number => {
  if (Array.isArray(source)) return Number(source[0]);
  const { offset, range } = source as { readonly offset?: number; readonly range?: readonly number[] };
  return offset ?? range?.[0] ?? 0;
};

const rejectRepeatedKeys = (document: Document.Parsed): void => {
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === '<<') continue;
        if (seen.has(key.value)) throw new FirstError(key.range?.[0] ?? 0, 'Map keys must be unique');
        seen.add(key.value);
      }
    },
  });
};
