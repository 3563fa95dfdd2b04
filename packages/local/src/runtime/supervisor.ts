import type { Mesh } from '@weft/model/mesh';
import { controlPlanePorts } from '@weft/model/proxy-ports';
import { podsFile } from '../plan/pods-file.ts';
import type { ReplicaPlan } from '../plan/replica-plan.ts';
import { watchProbes } from '../probe/prober.ts';
import type { ProcessSpec } from '../process/spawner.ts';
import { type ProcessChange, SupervisedProcess } from '../process/supervised-process.ts';
import type { Addresses } from './addresses.ts';
import { ownEnvironment, Replica, type ReplicaHost } from './replica.ts';

/** Between telling the proxies that a replica ends and ending it: a change is live in under a second, also on a busy machine. */
const DRAIN_MS = 1000;
/** How long the pods file may lag behind, so that replicas which become ready together are written together. */
const WRITE_DELAY_MS = 20;
const CONTROL_PLANE_GRACE_MS = 3_000;

export interface SupervisorOptions extends Omit<ReplicaHost, 'mesh' | 'controlPlaneAddress' | 'onChange'> {
  readonly addresses: Addresses;
  /** After each change of a process (`note` says what, if it is worth a line) and of the set of replicas. */
  readonly onChange: (change: SupervisorChange) => void;
}

export interface SupervisorChange {
  readonly process: string;
  readonly note: string;
  /** Whether it ended against our will. */
  readonly failed: boolean;
}

type Life = 'new' | 'running' | 'stopping' | 'stopped';

/**
 * Runs a mesh on this machine: the control plane first, as the sidecars need its certificate, the applications
 * meanwhile, then the sidecars. Replicas follow the plan as it changes.
 */
export class Supervisor {
  readonly controlPlane: SupervisedProcess;
  readonly #options: SupervisorOptions;
  readonly #host: ReplicaHost;
  readonly #replicas = new Map<string, Replica>();
  #mesh: Mesh;
  #life: Life = 'new';
  #controlPlaneSeen = false;
  /** How many replicas the newest plan has. */
  #wanted = 0;
  #writing = false;
  /** Plans are carried out one after the other. */
  #reconciling: Promise<void> = Promise.resolve();

  constructor(mesh: Mesh, options: SupervisorOptions) {
    this.#mesh = mesh;
    this.#options = options;
    this.#host = {
      ...options,
      controlPlaneAddress: options.addresses.controlPlane,
      mesh: () => this.#mesh,
      onChange: (_replica, process, change) => this.#changed(process, change),
    };
    this.controlPlane = new SupervisedProcess({
      name: 'control-plane',
      clock: options.clock,
      random: options.random,
      spawner: options.spawner,
      prepare: () => this.#controlPlaneSpec(),
      watchHealth: (report) =>
        watchProbes(controlPlaneProbes, options.checkFor(this.#controlPlaneTarget()), options.clock, report),
      onLine: (line) => options.onLine('control-plane', line),
      onChange: (change) => this.#changed('control-plane', change),
    });
  }

  /** In the plan's order. */
  get replicas(): readonly Replica[] {
    return [...this.#replicas.values()].sort((a, b) => (a.plan.key < b.plan.key ? -1 : 1));
  }

  get ready(): boolean {
    const { replicas } = this;
    const all = replicas.length === this.#wanted && replicas.every((r) => r.ready);
    return this.#life === 'running' && this.controlPlane.ready && all;
  }

  async start(plans: ReadonlyMap<string, ReplicaPlan>): Promise<void> {
    this.#life = 'running';
    this.#wanted = plans.size;
    for (const plan of plans.values()) await this.#add(plan);
    this.#writePods();
    this.controlPlane.start();
    for (const replica of this.#replicas.values()) replica.startApps();
  }

  /** Starts, ends and replaces replicas so that they are as the new plan says. */
  update(mesh: Mesh, plans: ReadonlyMap<string, ReplicaPlan>): Promise<void> {
    this.#mesh = mesh;
    this.#wanted = plans.size;
    const reconciled = this.#reconciling.then(() => this.#reconcile(plans));
    this.#reconciling = reconciled.catch(() => {});
    return reconciled;
  }

  /** Applications, then sidecars, then the control plane. A second call with `force` kills what is left. */
  async stop(force = false): Promise<void> {
    this.#life = 'stopping';
    await Promise.all(this.replicas.map((replica) => replica.stop(force)));
    await this.controlPlane.stop(force);
    this.#life = 'stopped';
  }

  async #reconcile(plans: ReadonlyMap<string, ReplicaPlan>): Promise<void> {
    const leaving = this.replicas.filter((r) => plans.get(r.plan.key)?.fingerprint !== r.plan.fingerprint);
    const gone = leaving.filter((r) => !plans.has(r.plan.key));
    await Promise.all(gone.map((replica) => this.#remove(replica)));
    // One at a time: a workload with several replicas stays reachable while it is replaced.
    for (const replica of leaving.filter((r) => plans.has(r.plan.key))) {
      if (this.#life !== 'running') return;
      await this.#remove(replica);
      await this.#join(plans.get(replica.plan.key) as ReplicaPlan);
    }
    for (const plan of plans.values()) {
      if (this.#life !== 'running') return;
      if (!this.#replicas.has(plan.key)) await this.#join(plan);
    }
  }

  async #join(plan: ReplicaPlan): Promise<void> {
    const replica = await this.#add(plan);
    this.#writePods();
    replica.startApps();
    if (this.#controlPlaneSeen) replica.startSidecar();
  }

  async #add(plan: ReplicaPlan): Promise<Replica> {
    const { addresses } = this.#options;
    const appPorts: Record<number, number> = {};
    for (const { port } of plan.containers.flatMap((c) => c.ports)) appPorts[port] ??= await addresses.appPort();
    const replica = new Replica(plan, addresses.allocate(), appPorts, this.#host);
    this.#replicas.set(plan.key, replica);
    return replica;
  }

  async #remove(replica: Replica): Promise<void> {
    const { addresses, clock, onChange } = this.#options;
    replica.beginTermination();
    this.#writePods();
    onChange({ process: replica.plan.pod, note: 'ends: it is changed or gone', failed: false });
    await clock.sleep(DRAIN_MS);
    await replica.stop();
    this.#replicas.delete(replica.plan.key);
    addresses.release(replica.address);
    for (const port of Object.values(replica.appPorts)) addresses.releaseAppPort(port);
    this.#writePods();
    onChange({ process: replica.plan.pod, note: '', failed: false });
  }

  #changed(process: string, { state, note }: ProcessChange): void {
    if (process === 'control-plane' && this.controlPlane.ready && !this.#controlPlaneSeen && this.#life === 'running') {
      this.#controlPlaneSeen = true;
      for (const replica of this.#replicas.values()) replica.startSidecar();
    }
    if (this.#life === 'running') this.#writePodsSoon();
    this.#options.onChange({ process, note, failed: state.kind === 'waiting' });
  }

  #writePodsSoon(): void {
    if (this.#writing) return;
    this.#writing = true;
    this.#options.clock.setTimer(WRITE_DELAY_MS, () => {
      if (this.#writing && this.#life === 'running') this.#writePods();
      this.#writing = false;
    });
  }

  #lastWritten = '';

  #writePods(): void {
    const text = podsFile(this.replicas.map((r) => r.pod));
    if (text === this.#lastWritten) return;
    this.#lastWritten = text;
    this.#options.stateDir.write('pods.json', text);
  }

  #controlPlaneTarget() {
    return { host: this.#options.addresses.controlPlane, port: Number, cwd: '/', env: {} };
  }

  #controlPlaneSpec(): ProcessSpec {
    const { addresses, stateDir, programs, inheritedEnv } = this.#options;
    const { file, args, env } = programs.controlPlane({
      address: addresses.controlPlane,
      podsFile: `${stateDir.run}/pods.json`,
      stateDir: stateDir.path,
    });
    return {
      name: 'control-plane',
      file,
      args,
      env: { ...ownEnvironment(inheritedEnv), ...env },
      // Ours, so that it names files as the user did.
      cwd: process.cwd(),
      lifeline: 'stdin',
      graceMs: CONTROL_PLANE_GRACE_MS,
    };
  }
}

const controlPlaneProbes = {
  readiness: {
    action: { kind: 'tcp', port: controlPlanePorts.xds },
    initialDelaySeconds: 0,
    periodSeconds: 2,
    timeoutSeconds: 2,
    failureThreshold: 3,
    successThreshold: 1,
  },
} as const;
