import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@weft/base/clock';
import type { Diagnostic } from '@weft/base/diagnostic';
import { FileSource } from '@weft/control-plane/source/files';
import type { ManifestSet } from '@weft/control-plane/source/read-manifests';
import { type DataPlane, type Plan, planReplicas } from '@weft/local/plan/replica-plan';
import { type LoadResult, loadMesh } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';

/** What the manifests say now. */
export interface Wanted {
  readonly mesh: Mesh;
  readonly plan: Plan;
  /** Of reading them and of planning, in the order of files and lines. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface ManifestsOptions {
  readonly paths: readonly string[];
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly dataPlanes: ReadonlyMap<string, DataPlane>;
  readonly clock: Clock;
  readonly onChange: (wanted: Wanted) => void;
}

/** Reads the manifests for the laptop runtime and watches them. The control plane reads them for itself. */
export class Manifests {
  readonly #options: ManifestsOptions;
  readonly #source: FileSource;
  #load: LoadResult | undefined;

  constructor(options: ManifestsOptions) {
    this.#options = options;
    this.#source = new FileSource({
      roots: options.paths,
      // What runs is our own doing: no pods are read.
      podsFile: join(options.stateDir, 'run', 'none'),
      stateDirectory: options.stateDir,
      clock: options.clock,
      onChange: (manifests) => {
        const before = this.#load;
        const wanted = this.#read(manifests);
        if (this.#load !== before) options.onChange(wanted);
      },
    });
  }

  start(): Wanted {
    return this.#read(this.#source.start());
  }

  close(): void {
    this.#source.close();
  }

  #read(manifests: ManifestSet): Wanted {
    const load = loadMesh(manifests.texts, this.#load, { trustDomain: this.#options.trustDomain });
    this.#load = load;
    const plan = planReplicas({
      mesh: load.mesh,
      positionOf: (ref, path) => load.index.positionOf(ref, path ?? []),
      dataPlanes: this.#options.dataPlanes,
      isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
    });
    return { mesh: load.mesh, plan, diagnostics: [...manifests.diagnostics, ...load.diagnostics, ...plan.diagnostics] };
  }
}
