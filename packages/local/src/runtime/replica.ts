import { accessSync, constants, mkdirSync, rmSync, statSync } from 'node:fs';
import type { Clock } from '@weft/base/clock';
import { diagnostic, formatDiagnostic } from '@weft/base/diagnostic';
import { WeftError } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { mintToken } from '@weft/identity/token';
import type { Mesh, Probe } from '@weft/model/mesh';
import { proxyPorts } from '@weft/model/proxy-ports';
import { appEnvironment } from '../plan/app-environment.ts';
import { bootstrapPaths, proxyBootstrap } from '../plan/bootstrap-file.ts';
import { expand } from '../plan/expand.ts';
import type { RunningPod } from '../plan/pods-file.ts';
import type { ContainerPlan, ReplicaPlan } from '../plan/replica-plan.ts';
import { resolveCommand } from '../plan/resolve-command.ts';
import type { ProbeTarget } from '../probe/check.ts';
import { type Check, watchProbes } from '../probe/prober.ts';
import type { ProcessSpec, Spawner } from '../process/spawner.ts';
import { type ProcessChange, SupervisedProcess } from '../process/supervised-process.ts';
import type { Programs } from './programs.ts';
import type { StateDir } from './state-dir.ts';

/** A token is spent within seconds of the start; one that is not must not lie about for long. */
const TOKEN_TTL_MS = 3_600_000;
/** How long a sidecar may take to end; it drains what is in flight. */
const SIDECAR_GRACE_MS = 5_000;

/** What replicas need of the laptop, and whom they tell. */
export interface ReplicaHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly spawner: Spawner;
  readonly programs: Programs;
  readonly stateDir: StateDir;
  readonly controlPlaneAddress: string;
  readonly inheritedEnv: Readonly<Record<string, string | undefined>>;
  readonly nodeDirectory: string;
  checkFor(target: ProbeTarget): Check;
  mesh(): Mesh;
  onLine(process: string, line: string): void;
  onChange(replica: Replica | null, process: string, change: ProcessChange): void;
}

/** A pod on a laptop: its sidecar and its containers' processes at one address. */
export class Replica {
  readonly plan: ReplicaPlan;
  readonly address: string;
  readonly appPorts: Readonly<Record<number, number>>;
  readonly sidecar: SupervisedProcess | null;
  readonly apps: readonly SupervisedProcess[];
  readonly #host: ReplicaHost;
  #terminatingSince: number | null = null;
  #sidecarStarted = false;

  constructor(plan: ReplicaPlan, address: string, appPorts: Readonly<Record<number, number>>, host: ReplicaHost) {
    this.plan = plan;
    this.address = address;
    this.appPorts = appPorts;
    this.#host = host;
    this.sidecar =
      plan.dataPlane === 'none'
        ? null
        : this.#supervise(`${plan.pod}/proxy`, () => this.#sidecarSpec(), sidecarReadiness, {
            host: address,
            port: Number,
            cwd: '/',
            env: {},
          });
    this.apps = plan.containers.map((container, index) => {
      const name = index === 0 ? plan.pod : `${plan.pod}/${container.name}`;
      return this.#supervise(
        name,
        () => this.#appSpec(name, container),
        container.probes,
        this.#probeTarget(container),
      );
    });
  }

  get ready(): boolean {
    return this.#terminatingSince === null && (this.sidecar?.ready ?? true) && this.apps.every((app) => app.ready);
  }

  get pod(): RunningPod {
    const { plan, address, appPorts, ready } = this;
    return { plan, address, appPorts, ready, terminatingSince: this.#terminatingSince };
  }

  get processes(): readonly SupervisedProcess[] {
    return this.sidecar ? [...this.apps, this.sidecar] : this.apps;
  }

  startApps(): void {
    for (const app of this.apps) app.start();
  }

  startSidecar(): void {
    this.sidecar?.start();
  }

  /** From here on it gets no new requests. */
  beginTermination(): void {
    this.#terminatingSince ??= this.#host.clock.now();
  }

  /** The applications first: what they still do on the way out goes through the sidecar. */
  async stop(force = false): Promise<void> {
    this.beginTermination();
    const apps = Promise.all(this.apps.map((app) => app.stop(force)));
    if (!force) await apps;
    await Promise.all([apps, this.sidecar?.stop(force)]);
  }

  #supervise(
    name: string,
    prepare: () => ProcessSpec,
    probes: ContainerPlan['probes'],
    target: ProbeTarget,
  ): SupervisedProcess {
    const host = this.#host;
    return new SupervisedProcess({
      name,
      clock: host.clock,
      random: host.random,
      spawner: host.spawner,
      prepare,
      watchHealth: (report) => watchProbes(probes, host.checkFor(target), host.clock, report),
      onLine: (line) => host.onLine(name, line),
      onChange: (change) => host.onChange(this, name, change),
    });
  }

  /** A new token each time: the one before was spent at the start before. */
  #sidecarSpec(): ProcessSpec {
    const { plan, address } = this;
    const { clock, programs, stateDir, controlPlaneAddress } = this.#host;
    const paths = bootstrapPaths('', plan);
    const token = mintToken(`${stateDir.path}/tokens`, {
      namespace: plan.namespace,
      pod: plan.pod,
      serviceAccount: plan.serviceAccount,
      expiresAt: clock.now() + TOKEN_TTL_MS,
    });
    const proxyDir = `${stateDir.run}/${paths.stateDir}`;
    // What a proxy kept is for its own next start, not for a replica that has got its name and address.
    if (!this.#sidecarStarted) rmSync(proxyDir, { recursive: true, force: true });
    this.#sidecarStarted = true;
    mkdirSync(proxyDir, { recursive: true, mode: 0o700 });
    const bootstrap = proxyBootstrap({
      plan,
      address,
      controlPlaneAddress,
      trustDomain: programs.trustDomain,
      rootCertFile: programs.rootCertFile,
      tokenFile: stateDir.write(paths.token, token),
      stateDir: proxyDir,
    });
    const bootstrapFile = stateDir.write(paths.file, JSON.stringify(bootstrap, null, 1));
    const envoy = plan.dataPlane === 'envoy';
    const { file, args, env } = programs.sidecar({ dataPlane: envoy ? 'envoy' : 'weft', bootstrapFile });
    return {
      name: `${plan.pod}/proxy`,
      file,
      args,
      env: { ...ownEnvironment(this.#host.inheritedEnv), ...env },
      cwd: proxyDir,
      // The agent starts an Envoy, which must not outlive it.
      lifeline: envoy ? 'group' : 'stdin',
      graceMs: SIDECAR_GRACE_MS,
    };
  }

  #appSpec(name: string, container: ContainerPlan): ProcessSpec {
    const env = this.#environment(container);
    const command = container.command.map((part) => expand(part, env));
    const program = command[0] as string;
    const file = resolveCommand(program, container.cwd, env.PATH ?? '', isExecutable);
    if (file === undefined) throw new WeftError('commandNotFound', this.#notFound(container, program));
    return {
      name,
      file,
      args: command.slice(1),
      env,
      cwd: container.cwd,
      lifeline: 'group',
      graceMs: this.plan.graceMs,
    };
  }

  /** As a diagnostic, so that it reads like the others: with the place in the manifest. */
  #notFound(container: ContainerPlan, program: string): string {
    const { source, kind, namespace, workload } = this.plan;
    const where = program.includes('/') ? `from ${container.cwd}` : 'in PATH';
    const message = `container ${container.name}: there is no program ${program} ${where}`;
    const hint = 'set command, or the annotation weft.dev/command on the pod template';
    const of = { kind, namespace, name: workload };
    return formatDiagnostic(diagnostic('commandNotFound', 'error', source, of, message, hint));
  }

  #environment(container: ContainerPlan): Record<string, string> {
    const { plan, address, appPorts } = this;
    const { inheritedEnv, nodeDirectory } = this.#host;
    const mesh = this.#host.mesh();
    return appEnvironment({
      replica: plan,
      container,
      mesh,
      address,
      appPorts,
      inherited: inheritedEnv,
      nodeDirectory,
    });
  }

  #probeTarget(container: ContainerPlan): ProbeTarget {
    const meshed = this.plan.dataPlane !== 'none';
    return {
      host: meshed ? '127.0.0.1' : this.address,
      port: (port) => {
        const number = typeof port === 'number' ? port : (container.ports.find((p) => p.name === port)?.port ?? 0);
        return meshed ? (this.appPorts[number] ?? number) : number;
      },
      cwd: container.cwd,
      env: this.#environment(container),
    };
  }
}

/** The environment of our own processes: without what would lead their connections through a proxy. */
export const ownEnvironment = (inherited: Readonly<Record<string, string | undefined>>): Record<string, string> => {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited))
    if (
      value !== undefined &&
      !/^(https?_proxy|no_proxy|all_proxy|node_use_env_proxy|npm_.*|weft_lifeline_fd)$/i.test(name)
    )
      env[name] = value;
  return env;
};

const sidecarReadiness: ContainerPlan['probes'] = {
  readiness: {
    action: { kind: 'http', path: '/healthz/ready', port: proxyPorts.health, headers: [] },
    initialDelaySeconds: 0,
    periodSeconds: 2,
    timeoutSeconds: 3,
    failureThreshold: 4,
    successThreshold: 1,
  } satisfies Probe,
};

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
};
