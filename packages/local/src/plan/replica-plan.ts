import { dirname, isAbsolute, resolve } from 'node:path';
import { type Diagnostic, diagnostic, type ObjectRef, type SourcePosition } from '@weft/base/diagnostic';
import type { Container, ContainerPort, EnvVariable, Mesh, Workload } from '@weft/model/mesh';
import type { Probes } from '../probe/prober.ts';

/** What carries a replica's traffic; `none`: the pod asked for no sidecar (`sidecar.istio.io/inject: "false"`). */
export type DataPlane = 'weft' | 'envoy' | 'none';

/** One replica to run: plain data, equal (`fingerprint`) if and only if nothing needs to be restarted. */
export interface ReplicaPlan {
  /** `namespace/pod` */
  readonly key: string;
  readonly namespace: string;
  /** `WORKLOAD-ORDINAL` for a Deployment, the Pod's own name for a Pod. */
  readonly pod: string;
  readonly workload: string;
  readonly kind: Workload['kind'];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly dataPlane: DataPlane;
  readonly containers: readonly ContainerPlan[];
  readonly graceMs: number;
  /** Where its workload stands, for messages. Not part of the fingerprint. */
  readonly source: SourcePosition;
  readonly fingerprint: string;
}

export interface ContainerPlan {
  readonly name: string;
  /** Program and arguments, before `$(VAR)` is expanded. Never empty. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: readonly EnvVariable[];
  readonly ports: readonly ContainerPort[];
  readonly probes: Probes;
}

export interface PlanOptions {
  readonly mesh: Mesh;
  positionOf(ref: ObjectRef, path?: readonly (string | number)[]): SourcePosition | undefined;
  /** Data planes other than ours, by `namespace/workload`. */
  readonly dataPlanes: ReadonlyMap<string, DataPlane>;
  /** Whether a directory exists: an absolute `workingDir` often means one inside the image. */
  isDirectory(path: string): boolean;
}

export interface Plan {
  /** By key, in the order of namespaces, workloads and ordinals. */
  readonly replicas: ReadonlyMap<string, ReplicaPlan>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Which replicas the manifests ask for. Workloads that say no command are reported and left out. */
export const planReplicas = (options: PlanOptions): Plan => {
  const replicas = new Map<string, ReplicaPlan>();
  const diagnostics: Diagnostic[] = [];
  const workloads = [...options.mesh.workloads.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  for (const workload of workloads) {
    const source = options.positionOf(refOf(workload)) ?? { file: '', line: 1, column: 1 };
    const silent = workload.containers.filter((c) => commandOf(c).length === 0);
    if (silent.length === workload.containers.length) {
      diagnostics.push(noCommand(options, workload, source));
      continue;
    }
    // A container without a command beside one that has some is the image's business, as a log shipper's is.
    const containers = workload.containers
      .filter((c) => !silent.includes(c))
      .map((c) => planContainer(c, source, options));
    for (let ordinal = 0; ordinal < (workload.kind === 'Pod' ? 1 : workload.replicas); ordinal++) {
      const pod = workload.kind === 'Pod' ? workload.name : `${workload.name}-${ordinal}`;
      const replica = {
        key: `${workload.namespace}/${pod}`,
        namespace: workload.namespace,
        pod,
        workload: workload.name,
        kind: workload.kind,
        labels: workload.labels,
        annotations: workload.annotations,
        serviceAccount: workload.serviceAccount,
        dataPlane: dataPlaneOf(workload, options),
        containers,
        graceMs: workload.terminationGracePeriodSeconds * 1000,
      };
      replicas.set(replica.key, { ...replica, source, fingerprint: JSON.stringify(replica) });
    }
  }
  for (const key of options.dataPlanes.keys())
    if (!options.mesh.workloads.has(key)) diagnostics.push(noSuchWorkload(key));
  return { replicas, diagnostics };
};

const keyOf = (w: Workload): string => `${w.namespace}/${w.name}`;
const refOf = (w: Workload): ObjectRef => ({ kind: w.kind, namespace: w.namespace, name: w.name });
const commandOf = (c: Container): readonly string[] => (c.command.length > 0 ? [...c.command, ...c.args] : []);

const dataPlaneOf = (workload: Workload, options: PlanOptions): DataPlane => {
  const inject = workload.labels['sidecar.istio.io/inject'] ?? workload.annotations['sidecar.istio.io/inject'];
  if (inject === 'false') return 'none';
  return options.dataPlanes.get(keyOf(workload)) ?? 'weft';
};

const planContainer = (c: Container, source: SourcePosition, options: PlanOptions): ContainerPlan => ({
  name: c.name,
  command: commandOf(c),
  cwd: workingDirectory(c.workingDir, source, options),
  env: c.env,
  ports: c.ports,
  probes: {
    ...(c.startupProbe && { startup: c.startupProbe }),
    ...(c.livenessProbe && { liveness: c.livenessProbe }),
    readiness: c.readinessProbe ?? impliedReadiness(c),
  },
});

/**
 * A container that has ports and no readiness probe is ready when it listens. Kubernetes would call it ready as soon as
 * it runs, which costs its first callers errors.
 */
const impliedReadiness = (c: Container): Probes['readiness'] => {
  const port = c.ports[0]?.port;
  if (port === undefined) return undefined;
  return {
    action: { kind: 'tcp', port },
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    failureThreshold: 3,
    successThreshold: 1,
  };
};

/** Relative paths are so to the manifest; without `workingDir`, and where it exists only in the image, beside the manifest. */
const workingDirectory = (dir: string | undefined, source: SourcePosition, options: PlanOptions): string => {
  const beside = resolve(dirname(source.file));
  if (dir === undefined) return beside;
  if (!isAbsolute(dir)) return resolve(beside, dir);
  return options.isDirectory(dir) ? dir : beside;
};

const noCommand = (options: PlanOptions, workload: Workload, source: SourcePosition): Diagnostic => {
  const path = workload.kind === 'Pod' ? ['spec', 'containers', 0] : ['spec', 'template', 'spec', 'containers', 0];
  const image = workload.containers[0]?.image;
  return diagnostic(
    'noCommand',
    'warning',
    options.positionOf(refOf(workload), path) ?? source,
    refOf(workload),
    `no container says a command${image ? `, and images such as ${image} are not run here` : ''}: the workload is left out`,
    'set command, or the annotation weft.dev/command on the pod template',
  );
};

const noSuchWorkload = (key: string): Diagnostic => {
  const [namespace = '', name = ''] = key.split('/');
  return diagnostic(
    'noWorkload',
    'error',
    { file: '--data-plane', line: 1, column: 1 },
    { kind: '', namespace, name },
    `no workload ${key}`,
    'write NAMESPACE/WORKLOAD=envoy with the name of a Deployment or Pod',
  );
};
