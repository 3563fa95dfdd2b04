import { crc32 } from 'node:zlib';

/** What one change did: objects by key, as they are now, and keys of those that are gone. */
export interface JournalEntry {
  readonly put: readonly (readonly [key: string, value: unknown])[];
  readonly gone: readonly string[];
}

/**
 * One line for each entry: CRC-32 of the JSON in 8 hex digits, a space, the JSON. A line counts as a whole or not at all,
 * so a change of several objects does too.
 */
export const journalLine = (entry: JournalEntry): Buffer => {
  const json = Buffer.from(JSON.stringify(entry));
  return Buffer.concat([Buffer.from(`${checksum(json)} `), json, NEWLINE]);
};

export interface JournalContents {
  readonly objects: ReadonlyMap<string, unknown>;
  /** Lines that could not be read: the last one of a process that was killed, or a damaged disk. */
  readonly damaged: number;
}

/** Replays a journal: later entries count. A line that is damaged is passed over. */
export const readJournal = (bytes: Buffer): JournalContents => {
  const objects = new Map<string, unknown>();
  let damaged = 0;
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const entry = newline < 0 ? undefined : parseLine(bytes.subarray(start, end));
    start = end + 1;
    if (!entry) {
      damaged += 1;
      continue;
    }
    for (const key of entry.gone) objects.delete(key);
    for (const [key, value] of entry.put) objects.set(key, value);
  }
  return { objects, damaged };
};

const NEWLINE = Buffer.from('\n');
const SUM_LENGTH = 9;

const checksum = (json: Uint8Array): string => crc32(json).toString(16).padStart(8, '0');

const parseLine = (line: Buffer): JournalEntry | undefined => {
  const json = line.subarray(SUM_LENGTH);
  if (line.toString('latin1', 0, SUM_LENGTH) !== `${checksum(json)} `) return undefined;
  // Our own text, by its checksum.
  return JSON.parse(json.toString()) as JournalEntry;
};
