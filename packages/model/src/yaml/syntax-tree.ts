import { type Document, isCollection, isMap, isPair, isScalar, LineCounter, type Node, parseAllDocuments } from 'yaml';
import { LARGE_CHARS } from './large-document.ts';
import type { FieldPath, TextPosition } from './position.ts';

/** A text parsed by the `yaml` package, with the place of everything in it. Large: not to be kept. */
export interface SyntaxTree {
  readonly documents: readonly Document.Parsed[];
  readonly lines: LineCounter;
}

/** YAML 1.2 with merge keys (`<<`). */
export const parseSyntaxTree = (text: string): SyntaxTree => {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    // That of a large one was looked at before, in linear time.
    uniqueKeys: text.length <= LARGE_CHARS,
    prettyErrors: false,
    logLevel: 'silent',
  });
  return { documents: Array.isArray(documents) ? (documents as Document.Parsed[]) : [], lines };
};

export interface ParsedValue {
  readonly value: unknown;
  readonly problem?: { readonly at: TextPosition; readonly message: string };
}

/** A reference to an anchor costs as often as it is followed; this many is what people write, a bomb is more. */
const MAX_ALIASES = 1000;
const ALIAS = /(^|[\s[{,:-])\*[^\s,\]}]/;

/** The value of a document, or what could be made of it. */
export const valueOfDocument = (tree: SyntaxTree, document: Document.Parsed, text: string): ParsedValue => {
  // What follows the first is mostly its consequence.
  const [error] = document.errors;
  const problem = error && { at: positionAt(tree.lines, error.pos[0]), message: firstLine(error.message) };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (ALIAS.test(text)) JSON.stringify(value); // Throws if an anchor contains itself.
    return { value, ...(problem && { problem }) };
  } catch (thrown) {
    // An alias without its anchor or within it, or too many of them.
    const alias = { at: positionAt(tree.lines, document.range[0]), message: aliasProblem(thrown as Error) };
    return { value: undefined, problem: problem ?? alias };
  }
};

/** Where a field of a document stands: its key, or the item itself in a list; the nearest parent if it is absent. */
export const positionInTree = (tree: SyntaxTree, index: number, path: FieldPath): TextPosition => {
  const parsed = tree.documents[index];
  if (!parsed) return { line: 1, column: 1 };
  let node: Node | null = parsed.contents;
  let offset = node?.range?.[0] ?? parsed.range[0];
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((p) => isPair(p) && isScalar(p.key) && String(p.key.value) === String(key));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isCollection(node)) {
      const item = node.items[Number(key)] as Node | undefined;
      if (!item) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return positionAt(tree.lines, offset);
};

const positionAt = (lines: LineCounter, offset: number): TextPosition => {
  const { line, col } = lines.linePos(offset);
  return line === 0 ? { line: 1, column: 1 } : { line, column: col };
};

const aliasProblem = ({ message }: Error): string =>
  message.includes('circular') ? 'an anchor contains itself' : firstLine(message);

const firstLine = (text: string): string => (text.split('\n')[0] as string).replace(/:$/, '');
