import { type Document, isCollection, isMap, isPair, isScalar, LineCounter, type Node, parseAllDocuments } from 'yaml';

/** A field's place in an object: `['spec', 'http', 0, 'match']`. */
export type FieldPath = readonly (string | number)[];

export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxError {
  readonly at: TextPosition;
  readonly message: string;
}

/** One document of a file: its value, or nothing where only comments stand. */
export interface ManifestDocument {
  readonly index: number;
  readonly value: unknown;
  /** Whether the YAML of this document is well formed; if not, `value` is what could be made of it. */
  readonly intact: boolean;
}

interface SyntaxTree {
  readonly documents: readonly Document.Parsed[];
  readonly lines: LineCounter;
}

/** A reference to an anchor costs as often as it is followed; this many is what people write, a bomb is more. */
const MAX_ALIASES = 1000;
const ALIAS = /(^|[\s[{,:-])\*[^\s,\]}]/;

/**
 * A manifest's text, parsed: YAML 1.2 with merge keys (`<<`), or JSON, one document or several. Positions are looked up
 * in the syntax tree, which is dropped under memory pressure and parsed again when asked for.
 */
export class ManifestFile {
  readonly path: string;
  readonly text: string;
  readonly documents: readonly ManifestDocument[];
  readonly errors: readonly SyntaxError[];
  #tree: WeakRef<SyntaxTree> | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
    const json = path.endsWith('.json') ? parseJson(text) : undefined;
    if (json) {
      this.documents = [{ index: 0, value: json.value, intact: !json.error }];
      this.errors = json.error ? [json.error] : [];
      return;
    }
    const tree = this.#syntaxTree();
    const errors: SyntaxError[] = [];
    const at = (offset: number): TextPosition => positionAt(tree.lines, offset);
    this.documents = tree.documents.map((document, index) => {
      // What follows the first is mostly its consequence.
      const [error] = document.errors;
      if (error) errors.push({ at: at(error.pos[0]), message: firstLine(error.message) });
      try {
        const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
        if (ALIAS.test(text)) JSON.stringify(value); // Throws if an anchor contains itself.
        return { index, value, intact: document.errors.length === 0 };
      } catch (error) {
        // An alias without its anchor or within it, or too many of them.
        if (document.errors.length === 0)
          errors.push({ at: at(document.range[0]), message: aliasProblem(error as Error) });
        return { index, value: undefined, intact: false };
      }
    });
    this.errors = errors;
  }

  /** Where a field of a document stands: its key, or the item itself in a list; the nearest parent if it is absent. */
  position(document: number, path: FieldPath): TextPosition {
    const tree = this.#syntaxTree();
    const parsed = tree.documents[document];
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
  }

  #syntaxTree(): SyntaxTree {
    const known = this.#tree?.deref();
    if (known) return known;
    const lines = new LineCounter();
    const documents = parseAllDocuments(this.text, {
      lineCounter: lines,
      merge: true,
      prettyErrors: false,
      logLevel: 'silent',
    });
    const tree = { documents: Array.isArray(documents) ? (documents as Document.Parsed[]) : [], lines };
    this.#tree = new WeakRef(tree);
    return tree;
  }
}

const positionAt = (lines: LineCounter, offset: number): TextPosition => {
  const { line, col } = lines.linePos(offset);
  return line === 0 ? { line: 1, column: 1 } : { line, column: col };
};

const aliasProblem = ({ message }: Error): string =>
  message.includes('circular') ? 'an anchor contains itself' : firstLine(message);

const firstLine = (text: string): string => (text.split('\n')[0] as string).replace(/:$/, '');

/** The message of JSON.parse says where: `... in JSON at position 8 (line 1 column 9)`; at the end if it does not. */
const parseJson = (text: string): { readonly value: unknown; readonly error?: SyntaxError } => {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const [, what, line, column] = /^(.*?)(?: in JSON at position \d+ \(line (\d+) column (\d+)\))?$/s.exec(
      (error as Error).message,
    ) as string[];
    const lines = text.split('\n');
    const at = line
      ? { line: Number(line), column: Number(column) }
      : { line: lines.length, column: (lines.at(-1) as string).length + 1 };
    return { value: undefined, error: { at, message: what as string } };
  }
};
