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
  /** A file that had text is empty now: perhaps an editor is between truncating and writing. Look again soon. */
  readonly suspicious: boolean;
}

/** Two writes this close may leave one mtime; a file looked at sooner after its last change is read again. */
const MTIME_GRAIN_MS = 1000;

/** Reads manifests again and again, each file only if it may have changed. */
export class ManifestReader {
  readonly #roots: readonly string[];
  readonly #podsFile: string;
  readonly #stateDirectory: string;
  readonly #clock: Clock;
  #known = new Map<string, KnownFile>();

  constructor(options: { roots: readonly string[]; podsFile: string; stateDirectory: string; clock: Clock }) {
    this.#roots = options.roots;
    this.#podsFile = options.podsFile;
    this.#stateDirectory = options.stateDirectory;
    this.#clock = options.clock;
  }

  /** `trustEmpty`: take a file that has become empty at its word. */
  read(trustEmpty: boolean): ManifestSet {
    const found = findManifests(this.#roots, this.#stateDirectory);
    const next = new Map<string, KnownFile>();
    const unreadable = [...found.unreadable];
    let suspicious = false;
    for (const path of [...found.files, this.#podsFile]) {
      const known = this.#known.get(path);
      try {
        const file = this.#readFile(path, known);
        const emptied = file.text === '' && known !== undefined && known.text !== '';
        if (emptied && !trustEmpty) suspicious = true;
        next.set(path, emptied && !trustEmpty ? known : file);
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code ?? String(error);
        if (reason !== 'ENOENT') unreadable.push({ path, reason });
      }
    }
    this.#keepUnreadable(next, unreadable);
    this.#known = next;
    return {
      texts: [...next].map(([path, { text }]) => ({ path, text })),
      diagnostics: unreadable.map(describe),
      directories: found.directories,
      suspicious,
    };
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
