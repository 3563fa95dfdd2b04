import { ManifestDocument, readDocument, readDocuments } from './manifest-document.ts';
import { type FieldPath, type TextPosition } from './yaml/position.ts';
import { detached, sectionStarts } from './yaml/sections.ts';

export type { FieldPath, TextPosition } from './yaml/position.ts';

export interface SyntaxError {
  readonly at: TextPosition;
  readonly message: string;
}

/**
 * A manifest's text, parsed: YAML 1.2 with merge keys (`<<`), or JSON, one document or several. Documents whose text was in
 * `before`, an earlier version of the file, are the same objects; only the others are parsed.
 */
export class ManifestFile {
  readonly path: string;
  readonly text: string;
  readonly documents: readonly ManifestDocument[];
  /** Where the text of each document begins; undefined where documents were parsed together, from the whole. */
  readonly #starts: readonly number[] | undefined;
  #places: ReadonlyMap<ManifestDocument, number> | undefined;
  #lines: readonly number[] | undefined;

  /** A file of one object that was never text. */
  static ofObject(path: string, value: unknown): ManifestFile {
    return new ManifestFile(path, '', undefined, new ManifestDocument(value, undefined));
  }

  constructor(path: string, text: string, before?: ManifestFile, only?: ManifestDocument) {
    this.path = path;
    this.text = text;
    const json = only ?? (path.endsWith('.json') ? parseJson(text) : undefined);
    const starts = json ? undefined : sectionStarts(text);
    const separate = starts && parseSections(text, starts, before);
    this.#starts = separate && starts;
    this.documents = json ? [json] : (separate ?? readDocuments(text));
  }

  /** One for each document at most. */
  get errors(): readonly SyntaxError[] {
    return this.documents.flatMap((document) => {
      const { problem } = document;
      return problem ? [{ at: this.#inFile(document, problem.at), message: problem.message }] : [];
    });
  }

  /** Where a field of a document of this file stands: its key, or the item itself in a list; the nearest parent if it is absent. */
  position(document: ManifestDocument, path: FieldPath): TextPosition {
    const n = this.placeOf(document);
    const text = this.#starts ? this.sectionText(n) : this.text;
    return this.#inFile(document, document.position(text, path));
  }

  /** Which of the file's documents it is. */
  placeOf(document: ManifestDocument): number {
    this.#places ??= new Map(this.documents.map((d, i) => [d, i]));
    return this.#places.get(document) ?? 0;
  }

  /** Undefined where documents have no text of their own. */
  get sectionCount(): number | undefined {
    return this.#starts?.length;
  }

  sectionText(n: number): string {
    return this.text.slice(this.#starts?.[n], this.#starts?.[n + 1]);
  }

  #inFile(document: ManifestDocument, at: TextPosition): TextPosition {
    if (!this.#starts) return at;
    this.#lines ??= linesAt(this.text, this.#starts);
    return { line: at.line + (this.#lines[this.placeOf(document)] ?? 0), column: at.column };
  }
}

/** How many lines there are before each offset. */
const linesAt = (text: string, offsets: readonly number[]): number[] => {
  let newline = text.indexOf('\n');
  let line = 0;
  return offsets.map((offset) => {
    for (; newline >= 0 && newline < offset; newline = text.indexOf('\n', newline + 1)) line++;
    return line;
  });
};

const parseSections = (
  text: string,
  starts: readonly number[],
  before: ManifestFile | undefined,
): readonly ManifestDocument[] | undefined => {
  const sections = starts.map((start, i) => text.slice(start, starts[i + 1]));
  const known =
    before?.sectionCount === undefined ? new Map<string, ManifestDocument[]>() : unchanged(sections, before);
  const documents: ManifestDocument[] = [];
  for (const section of sections) {
    const document = known.get(section)?.shift() ?? readDocument(detached(section));
    if (!document) return undefined;
    documents.push(document);
  }
  return documents;
};

/** Documents of an earlier version that this one has too, by their text. */
const unchanged = (sections: readonly string[], before: ManifestFile): Map<string, ManifestDocument[]> => {
  const wanted = new Set(sections);
  const known = new Map<string, ManifestDocument[]>();
  before.documents.forEach((document, i) => {
    const text = before.sectionText(i);
    if (!wanted.has(text)) return;
    const list = known.get(text);
    if (list) list.push(document);
    else known.set(text, [document]);
  });
  return known;
};

/** The message of JSON.parse says where: `... in JSON at position 8 (line 1 column 9)`; at the end if it does not. */
const parseJson = (text: string): ManifestDocument => {
  try {
    return new ManifestDocument(JSON.parse(text), undefined);
  } catch (error) {
    const [, what, line, column] = /^(.*?)(?: in JSON at position \d+ \(line (\d+) column (\d+)\))?$/s.exec(
      (error as Error).message,
    ) as string[];
    const lines = text.split('\n');
    const at = line
      ? { line: Number(line), column: Number(column) }
      : { line: lines.length, column: (lines.at(-1) as string).length + 1 };
    return new ManifestDocument(undefined, { at, message: what as string });
  }
};
