import { readFileSync, type Stats, statSync } from 'node:fs';
import type { Clock } from '@weft/base/clock';
import { type Diagnostic, diagnostic } from '@weft/base/diagnostic';
import type { ManifestText } from '@weft/model/load';
import { findManifests, type UnreadablePath } from './manifest-paths.ts';

/** The texts of all manifests at one moment. */
export interface ManifestSet {
  readonly texts: readonly ManifestText[];
  /** Files and folders that could not be read; their last texts stay in `texts`. */
  readonly diagnostics: readonly Diagnostic[];
  readonly directories: readonly string[];
  /** A file looks as if somebody was still writing it; its last text stands for it. Look again in `DOUBT_MS`. */
  readonly doubtful: boolean;
}

/** Two writes this close may leave one mtime; a file looked at sooner after its last change is read again. */
const MTIME_GRAIN_MS = 1000;

/** A file that looks half written is taken at its word when it has not changed for this long. */
export const DOUBT_MS = 150;
/** One that changes all the time, after this long. */
const MAX_DOUBT_MS = 2000;

/** Reads manifests again and again, each file only if it may have changed. */
export class ManifestReader {
  readonly #roots: readonly string[];
  readonly #podsFile: string;
  readonly #stateDirectory: string;
  readonly #clock: Clock;
  #known = new Map<string, KnownFile>();
  #doubts = new Map<string, Doubt>();

  constructor(options: { roots: readonly string[]; podsFile: string; stateDirectory: string; clock: Clock }) {
    this.#roots = options.roots;
    this.#podsFile = options.podsFile;
    this.#stateDirectory = options.stateDirectory;
    this.#clock = options.clock;
  }

  /** `asItIs`: take every file at its word, for a first look or a single one. */
  read(asItIs: boolean): ManifestSet {
    const found = findManifests(this.#roots, this.#stateDirectory);
    const next = new Map<string, KnownFile>();
    const doubts = new Map<string, Doubt>();
    const unreadable = [...found.unreadable];
    for (const path of [...found.files, this.#podsFile]) {
      const known = this.#known.get(path);
      try {
        const file = this.#readFile(path, known);
        const doubt = asItIs || path === this.#podsFile ? undefined : this.#doubt(path, known, file);
        if (doubt) doubts.set(path, doubt);
        const taken = doubt ? known : file;
        if (taken) next.set(path, taken);
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code ?? String(error);
        if (reason !== 'ENOENT') unreadable.push({ path, reason });
      }
    }
    this.#keepUnreadable(next, unreadable);
    this.#known = next;
    this.#doubts = doubts;
    return {
      texts: [...next].map(([path, { text }]) => ({ path, text })),
      diagnostics: unreadable.map(describe),
      directories: found.directories,
      doubtful: doubts.size > 0,
    };
  }

  /** Whether to wait with what a file says now, as it may be half of what it will say. */
  #doubt(path: string, known: KnownFile | undefined, file: KnownFile): Doubt | undefined {
    if (file === known || file.text === known?.text || !looksHalfWritten(known, file)) return undefined;
    const now = this.#clock.monotonic();
    const before = this.#doubts.get(path);
    const first = before?.first ?? now;
    const since = before && sameStat(before.stat, file.stat) ? before.since : now;
    return now - since >= DOUBT_MS || now - first >= MAX_DOUBT_MS ? undefined : { first, since, stat: file.stat };
  }

  #readFile(path: string, known: KnownFile | undefined): KnownFile {
    const stat = statSync(path);
    if (known?.settled && sameStat(known.stat, stat)) return known;
    return { text: readFileSync(path, 'utf8'), stat, settled: this.#clock.now() - stat.mtimeMs > MTIME_GRAIN_MS };
  }

  /** What cannot be read stays as it was: a lost permission or mount must not delete a policy. */
  #keepUnreadable(next: Map<string, KnownFile>, unreadable: readonly UnreadablePath[]): void {
    for (const { path } of unreadable) {
      for (const [knownPath, file] of this.#known) {
        if (!next.has(knownPath) && (knownPath === path || knownPath.startsWith(`${path.replace(/\/$/, '')}/`)))
          next.set(knownPath, file);
      }
    }
  }
}

interface KnownFile {
  readonly text: string;
  readonly stat: Stats;
  /** Its mtime was old enough when it was read to tell any later change. */
  readonly settled: boolean;
}

/** Monotonic ms: when a file was first found half written, and since when it has not changed. */
interface Doubt {
  readonly first: number;
  readonly since: number;
  readonly stat: Stats;
}

/**
 * Written in place, from the front: what is there may be a part, and parse. A file put in the place of another (another
 * inode) is whole.
 */
const looksHalfWritten = (known: KnownFile | undefined, { text, stat }: KnownFile): boolean => {
  if (!known) return !text.endsWith('\n');
  if (known.stat.ino !== stat.ino) return false;
  return known.text.startsWith(text) || (known.text.endsWith('\n') && !text.endsWith('\n'));
};

const sameStat = (a: Stats, b: Stats): boolean =>
  a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.size === b.size && a.ino === b.ino;

const describe = ({ path, reason }: UnreadablePath): Diagnostic =>
  diagnostic(
    'unreadableFile',
    'error',
    { file: path, line: 1, column: 1 },
    { kind: '', namespace: '', name: '' },
    `cannot be read (${reason}); what was read from it before stays in force`,
  );
