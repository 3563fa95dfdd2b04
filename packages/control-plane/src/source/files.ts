import { dirname } from 'node:path';
import type { Clock, Timer } from '@weft/base/clock';
import { DirectoryWatch } from './watch-directories.ts';
import { DOUBT_MS, ManifestReader, type ManifestSet } from './read-manifests.ts';

/** Several files saved together are one change: the first event waits this long for others. */
const DEBOUNCE_MS = 10;
/** A stream of events is not waited out for longer. */
const MAX_DEBOUNCE_MS = 100;

export interface FileSourceOptions {
  /** Files and folders, as given with `-f`. */
  readonly roots: readonly string[];
  /** Outside the roots: the running Pods. */
  readonly podsFile: string;
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** Called after each look that found something else; not for the first. `waitedMs`: since the first event of it. */
  readonly onChange: (manifests: ManifestSet, waitedMs: number) => void;
}

/**
 * Manifests in files, watched. `start` reads them once and answers; from then on `onChange` is told of every change.
 * Nothing is told after `close`.
 */
export class FileSource {
  readonly #options: FileSourceOptions;
  readonly #reader: ManifestReader;
  readonly #watch: DirectoryWatch;
  #timer: Timer | undefined;
  /** Monotonic ms of the first event not yet looked at. */
  #since: number | undefined;
  /** Directories of the last look. */
  #seen = new Set<string>();
  #last: ManifestSet | undefined;
  #closed = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#reader = new ManifestReader(options);
    this.#watch = new DirectoryWatch(options.clock, () => this.#schedule());
  }

  start(): ManifestSet {
    // Watched before read: what changes in between is then looked at again.
    this.#watch.setDirectories([dirname(this.#options.podsFile)]);
    this.#last = this.#look(true);
    return this.#last;
  }

  /** Looks now, not waiting for an event; for a caller who knows of a change. */
  refresh(): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    const now = this.#options.clock.monotonic();
    const waitedMs = now - (this.#since ?? now);
    this.#since = undefined;
    const manifests = this.#look(false);
    const same = this.#last && sameManifests(this.#last, manifests);
    this.#last = manifests;
    if (!same) this.#options.onChange(manifests, waitedMs);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watch.close();
  }

  #look(asItIs: boolean): ManifestSet {
    let manifests = this.#reader.read(asItIs);
    const wanted = [...manifests.directories, dirname(this.#options.podsFile)];
    this.#watch.setDirectories(wanted);
    // A directory first seen in this look may have changed before its watch began.
    if (wanted.some((d) => !this.#seen.has(d))) manifests = this.#reader.read(asItIs);
    this.#seen = new Set(wanted);
    if (manifests.doubtful) {
      this.#timer?.cancel();
      this.#timer = this.#options.clock.setTimer(DOUBT_MS, () => this.refresh());
    }
    return manifests;
  }

  #schedule(): void {
    if (this.#closed) return;
    const now = this.#options.clock.monotonic();
    this.#since ??= now;
    const wait = Math.max(0, Math.min(DEBOUNCE_MS, this.#since + MAX_DEBOUNCE_MS - now));
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(wait, () => this.refresh());
  }
}

const sameManifests = (a: ManifestSet, b: ManifestSet): boolean =>
  a.texts.length === b.texts.length &&
  a.texts.every(({ path, text }, i) => b.texts[i]?.path === path && b.texts[i].text === text) &&
  a.diagnostics.length === b.diagnostics.length &&
  a.diagnostics.every(
    ({ file, message }, i) => b.diagnostics[i]?.file === file && b.diagnostics[i].message === message,
  );
