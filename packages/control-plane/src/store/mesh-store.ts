import type { Clock } from '@weft/base/clock';
import type { Diagnostic } from '@weft/base/diagnostic';
import type { LastGood } from '@weft/model/last-good';
import { type LoadResult, loadMesh, type ManifestText } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import type { LineLog } from '@weft/telemetry/log';
import { LastGoodJournal } from './last-good-journal.ts';
import { type StateFiles, systemFiles } from './state-files.ts';

/** What is in force, and what its authors should know. Immutable; each change makes a new one. */
export interface StoreState {
  readonly load: LoadResult;
  /** Those of reading, and those of files that could not be read. Found when first asked for: a change is pushed before. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface MeshStoreOptions {
  /** Of the journal of last good versions. */
  readonly path: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: LineLog;
  /** Default the system's. */
  readonly files?: StateFiles;
}

/** Holds the mesh that the manifests make, and on disk the last good version of each object, for the next start. */
export class MeshStore {
  readonly #trustDomain: string;
  readonly #journal: LastGoodJournal;
  #state: StoreState | null = null;
  #restored: LastGood | undefined;

  constructor({ trustDomain, path, clock, log, files = systemFiles }: MeshStoreOptions) {
    this.#trustDomain = trustDomain;
    this.#journal = new LastGoodJournal({ path, clock, log, files });
    this.#restored = this.#journal.restore();
  }

  /** Before the first `update` there is none. */
  get state(): StoreState | null {
    return this.#state;
  }

  get mesh(): Mesh | null {
    return this.#state?.load.mesh ?? null;
  }

  /** What it answers is recorded: a crash from here on does not lose it. */
  update(texts: readonly ManifestText[], sourceDiagnostics: readonly Diagnostic[]): StoreState {
    const load = loadMesh(texts, this.#state?.load, {
      trustDomain: this.#trustDomain,
      ...(this.#restored && { lastGood: this.#restored }),
    });
    this.#restored = undefined;
    let diagnostics: readonly Diagnostic[] | undefined;
    this.#state = {
      load,
      get diagnostics() {
        return (diagnostics ??= [...sourceDiagnostics, ...load.diagnostics]);
      },
    };
    this.#journal.record(load.lastGood);
    return this.#state;
  }

  close(): void {
    this.#journal.close();
  }
}
