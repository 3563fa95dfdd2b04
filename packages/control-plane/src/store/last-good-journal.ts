import { dirname } from 'node:path';
import type { Clock, Timer } from '@weft/base/clock';
import { type LastGood, type LastGoodObject, recallLastGood, storedObject } from '@weft/model/last-good';
import type { LineLog } from '@weft/telemetry/log';
import { type JournalEntry, journalLine, readJournal } from './journal-text.ts';
import { replaceFile, type StateFiles, writeAll } from './state-files.ts';

/** What was appended reaches the disk within this time; a process that is killed loses nothing even before. */
const SYNC_DELAY_MS = 50;
/** A journal is written anew once this much of it is of no more use: as much as what is, and at least this. Bytes. */
const MIN_GARBAGE = 1 << 20;
/** A rewrite waits for a quiet moment of this length. */
const REWRITE_DELAY_MS = 1000;
/** After a failure it is tried again this often. */
const RETRY_MS = 5000;
/** Objects in a line of a journal written anew: damage to one costs no more than these. */
const OBJECTS_PER_LINE = 64;

export interface LastGoodJournalOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: LineLog;
  readonly files: StateFiles;
}

/**
 * The last good version of every object, on disk, for the next start. What changes is appended before anyone is told
 * of it: `record` returns when a `kill -9` can no longer lose it. When the disk fails, what runs goes on, it is said, and
 * all is written anew with the next change, or a little later.
 */
export class LastGoodJournal {
  readonly #options: LastGoodJournalOptions;
  #known: ReadonlyMap<string, LastGoodObject> = new Map();
  #fd: number | undefined;
  #bytes = 0;
  /** Bytes of the file when it was last written as a whole. */
  #wholeBytes = 0;
  /** The file is not what `#known` says: write all of it. */
  #stale = false;
  #sync: Timer | undefined;
  #rewrite: Timer | undefined;

  constructor(options: LastGoodJournalOptions) {
    this.#options = options;
  }

  /** What the last run recorded; undefined if there was none, or nothing of it can be read. */
  restore(): LastGood | undefined {
    const { files, path, log } = this.#options;
    try {
      const bytes = files.read(path);
      const { objects, damaged } = readJournal(bytes);
      const lastGood = recallLastGood(objects.values());
      this.#known = lastGood.objects;
      this.#bytes = bytes.length;
      this.#wholeBytes = bytes.length;
      // What this version cannot read, or whose key it makes otherwise, must not come back at each start.
      this.#stale = damaged > 0 || lastGood.objects.size !== objects.size;
      if (damaged > 0) log.warning('last good configuration is damaged in part', { path, lines: damaged });
      return lastGood;
    } catch (error) {
      this.#stale = true;
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!missing) log.warning('last good configuration unreadable', { path, reason: (error as Error).message });
      return undefined;
    }
  }

  record({ objects, changed }: LastGood): void {
    // An earlier version of the objects may answer more slowly the more has changed since: those few are asked for.
    const entry = difference(this.#known, objects, changed ?? new Set([...this.#known.keys(), ...objects.keys()]));
    this.#known = objects;
    if (entry.put.length === 0 && entry.gone.length === 0 && !this.#stale) return;
    try {
      if (this.#stale) this.#writeWhole();
      else this.#append(entry);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** All that was recorded is on the disk. */
  close(): void {
    this.#rewrite?.cancel();
    this.#sync?.cancel();
    if (this.#fd === undefined) return;
    try {
      this.#options.files.sync(this.#fd);
      this.#options.files.close(this.#fd);
    } catch (error) {
      this.#failed(error);
    }
    this.#fd = undefined;
  }

  #append(entry: JournalEntry): void {
    const { files, path, clock } = this.#options;
    const line = journalLine(entry);
    this.#fd ??= files.open(path, 'append');
    writeAll(files, this.#fd, line);
    this.#bytes += line.length;
    this.#sync ??= clock.setTimer(SYNC_DELAY_MS, () => this.#syncNow());
    if (this.#bytes - this.#wholeBytes < Math.max(this.#wholeBytes, MIN_GARBAGE)) return;
    this.#rewrite?.cancel();
    this.#rewrite = clock.setTimer(REWRITE_DELAY_MS, () => this.#rewriteNow());
  }

  #writeWhole(): void {
    const { files, path } = this.#options;
    const all = [...this.#known].map(([key, object]) => [key, storedObject(object)] as const);
    const lines: Buffer[] = [];
    for (let at = 0; at < all.length; at += OBJECTS_PER_LINE)
      lines.push(journalLine({ put: all.slice(at, at + OBJECTS_PER_LINE), gone: [] }));
    const bytes = Buffer.concat(lines);
    replaceFile(files, path, bytes);
    // The old file's name is gone: what is appended from here on goes to the new one.
    if (this.#fd !== undefined) files.close(this.#fd);
    this.#fd = undefined;
    this.#bytes = bytes.length;
    this.#wholeBytes = bytes.length;
    this.#stale = false;
  }

  #syncNow(): void {
    this.#sync = undefined;
    if (this.#fd === undefined) return;
    try {
      this.#options.files.sync(this.#fd);
      this.#options.files.syncDirectory(dirname(this.#options.path));
    } catch (error) {
      this.#failed(error);
    }
  }

  #rewriteNow(): void {
    this.#rewrite = undefined;
    try {
      this.#writeWhole();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    // What was half written stays in the old file, whose place a whole one takes.
    this.#stale = true;
    this.#rewrite ??= this.#options.clock.setTimer(RETRY_MS, () => this.#rewriteNow());
    this.#options.log.error('last good configuration not saved', { reason: (error as Error).message });
  }
}

const difference = (
  before: ReadonlyMap<string, LastGoodObject>,
  after: ReadonlyMap<string, LastGoodObject>,
  keys: Iterable<string>,
): JournalEntry => {
  const put: [string, unknown][] = [];
  const gone: string[] = [];
  for (const key of keys) {
    const [known, object] = [before.get(key), after.get(key)];
    if (!object) {
      if (known) gone.push(key);
      continue;
    }
    // An object that did not change keeps its part, by identity.
    if (known?.part !== object.part || known.file !== object.file) put.push([key, storedObject(object)]);
  }
  return { put, gone };
};
