import { readFileSync } from 'node:fs';
import type { Clock, Timer } from '@weft/base/clock';
import type { Diagnostic } from '@weft/base/diagnostic';
import { type LastGood, parseLastGood, serializeLastGood } from '@weft/model/last-good';
import { type LoadResult, loadMesh, type ManifestText } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import type { LineLog } from '@weft/telemetry/log';
import { writePrivateFile } from './state-dir.ts';

/** What is in force, and what its authors should know. Immutable; each change makes a new one. */
export interface StoreState {
  readonly load: LoadResult;
  /** Those of reading, and those of files that could not be read. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A burst of changes is written once; a crash within loses no more than this much. */
const PERSIST_DELAY_MS = 100;

/** Holds the mesh that the manifests make, and on disk the last good version of each object, for the next start. */
export class MeshStore {
  readonly #options: {
    readonly path: string;
    readonly trustDomain: string;
    readonly clock: Clock;
    readonly log: LineLog;
  };
  #state: StoreState | null = null;
  #restored: LastGood | undefined;
  #persist: Timer | undefined;

  constructor(options: { path: string; trustDomain: string; clock: Clock; log: LineLog }) {
    this.#options = options;
    this.#restored = this.#restore();
  }

  /** Before the first `update` there is none. */
  get state(): StoreState | null {
    return this.#state;
  }

  get mesh(): Mesh | null {
    return this.#state?.load.mesh ?? null;
  }

  update(texts: readonly ManifestText[], sourceDiagnostics: readonly Diagnostic[]): StoreState {
    const { trustDomain, clock } = this.#options;
    const load = loadMesh(texts, this.#state?.load, {
      trustDomain,
      ...(this.#restored && { lastGood: this.#restored }),
    });
    this.#restored = undefined;
    this.#state = { load, diagnostics: [...sourceDiagnostics, ...load.diagnostics] };
    this.#persist ??= clock.setTimer(PERSIST_DELAY_MS, () => this.flush());
    return this.#state;
  }

  /** Writes what is due to disk. */
  flush(): void {
    if (!this.#persist || !this.#state) return;
    this.#persist.cancel();
    this.#persist = undefined;
    try {
      writePrivateFile(this.#options.path, serializeLastGood(this.#state.load));
    } catch (error) {
      // What runs goes on; only a restart with a broken file would miss it.
      this.#options.log.error('last good configuration not saved', { reason: (error as Error).message });
    }
  }

  #restore(): LastGood | undefined {
    const { path, log } = this.#options;
    try {
      return parseLastGood(readFileSync(path, 'utf8'));
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!missing) log.warning('last good configuration unreadable', { path, reason: (error as Error).message });
      return undefined;
    }
  }
}
