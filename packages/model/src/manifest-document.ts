import { parseFastDocument } from './yaml/fast-document.ts';
import { MAX_CHARS, problemOfLarge, startOf } from './yaml/large-document.ts';
import type { FieldPath, TextPosition } from './yaml/position.ts';
import { parseSyntaxTree, positionInTree, type SyntaxTree, valueOfDocument } from './yaml/syntax-tree.ts';

/** What is wrong with a document's syntax; the line counts from the start of the text that it was parsed from. */
export interface SyntaxProblem {
  readonly at: TextPosition;
  readonly message: string;
}

/**
 * One document of a file: its value, or nothing where only comments stand. It does not know where in the file it stands,
 * and stays the same object from one version of the file to the next while its text does.
 */
export class ManifestDocument {
  /** If the document is not intact, what could be made of it. */
  readonly value: unknown;
  readonly problem: SyntaxProblem | undefined;
  /** Which document it is of the text it was parsed from. */
  readonly index: number;
  readonly #positions = new Map<string, TextPosition>();
  #tree: WeakRef<SyntaxTree> | undefined;

  constructor(value: unknown, problem: SyntaxProblem | undefined, index = 0) {
    this.value = value;
    this.problem = problem;
    this.index = index;
  }

  /** Whether its YAML is well formed. */
  get intact(): boolean {
    return this.problem === undefined;
  }

  /**
   * Where a field stands, counted as in `problem`; `text` is what the document was parsed from. Positions are looked up in a
   * syntax tree, which is made for the first and dropped under memory pressure. In a text of more than `MAX_CHARS` all stands at
   * its start.
   */
  position(text: string, path: FieldPath): TextPosition {
    const key = path.join('\n');
    const known = this.#positions.get(key);
    if (known) return known;
    if (text.length > MAX_CHARS) return startOf(text);
    let tree = this.#tree?.deref();
    if (!tree) {
      tree = parseSyntaxTree(text);
      this.#tree = new WeakRef(tree);
    }
    const position = positionInTree(tree, this.index, path);
    this.#positions.set(key, position);
    return position;
  }
}

/** The document that a text is, or undefined if it turns out to be several. */
export const readDocument = (text: string): ManifestDocument | undefined => {
  const fast = parseFastDocument(text);
  if (fast) return new ManifestDocument(fast.value, undefined);
  const all = readDocuments(text);
  return all.length <= 1 ? (all[0] ?? new ManifestDocument(null, undefined)) : undefined;
};

/** All documents of a text by the `yaml` package alone. */
export const readDocuments = (text: string): ManifestDocument[] => {
  const large = problemOfLarge(text);
  if (large) return [new ManifestDocument(undefined, large)];
  const tree = parseSyntaxTree(text);
  return tree.documents.map((document, index) => {
    const { value, problem } = valueOfDocument(tree, document, text);
    return new ManifestDocument(value, problem, index);
  });
};
