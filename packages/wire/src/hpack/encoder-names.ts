import { fieldKind, kindOfName } from './field-kind.ts';
import { staticTable } from './static-table.ts';

/** Dynamic entries of one name that are found again; a fifth takes the place of the first. */
const VALUES_KEPT = 4;

/** As often as this a name's values may enter the table without being used again, before they are no longer put there. */
const PATIENCE = 16;

/** A name as the encoder knows it: where it stands in the tables, and which of its values do. */
export class EncoderName {
  readonly name: string;
  readonly kind: number;
  /** Index in the static table, or 0. */
  readonly staticIndex: number;
  /** Values in the static table, and their indices. */
  readonly staticValues: readonly string[];
  readonly staticIndices: readonly number[];
  /** Values in the dynamic table, and the number of each one's insertion. */
  readonly values: string[] = [];
  readonly insertions: number[] = [];
  #next = 0;
  /** Insertions, less uses of what was inserted. */
  #unused = 0;

  constructor(name: string, known: StaticName) {
    this.name = name;
    this.kind = kindOfName(name);
    this.staticIndex = known.index;
    this.staticValues = known.values;
    this.staticIndices = known.indices;
  }

  /** Values of this name are worth an entry: what never comes again (ids, paths with numbers) would only push out the rest. */
  get indexed(): boolean {
    return this.#unused < PATIENCE;
  }

  used(): void {
    if (this.#unused > -PATIENCE) this.#unused--;
  }

  inserted(value: string, insertion: number): void {
    this.#unused++;
    const slot = this.#next;
    this.#next = (slot + 1) % VALUES_KEPT;
    this.values[slot] = value;
    this.insertions[slot] = insertion;
  }
}

interface StaticName {
  readonly index: number;
  readonly values: string[];
  readonly indices: number[];
}

const unknown: StaticName = { index: 0, values: [], indices: [] };

const staticNames = new Map<string, StaticName>();
for (const [index, [name, value]] of staticTable.entries()) {
  if (index === 0) continue;
  const known = staticNames.get(name) ?? { index, values: [], indices: [] };
  staticNames.set(name, known);
  // An empty value there stands for none, but that of `:authority` and its like would be a wrong match of no use.
  if (value === '') continue;
  known.values.push(value);
  known.indices.push(index);
}

export const encoderName = (name: string): EncoderName => new EncoderName(name, staticNames.get(name) ?? unknown);

/** Secrets: never in a table, here or further on (RFC 7541 section 7.1.3). */
export const isSecret = (name: string): boolean => name === 'authorization' || name === 'proxy-authorization';

/** What HTTP/2 must not carry (RFC 9113 section 8.2.2); `host` goes in `:authority`. */
export const isDropped = (entry: EncoderName, value: string): boolean =>
  entry.kind === fieldKind.CONNECTION ||
  entry.kind === fieldKind.HOST ||
  (entry.kind === fieldKind.TE && value !== 'trailers');
