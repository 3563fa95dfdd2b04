import { APP_PORTS_ANNOTATION, WORKLOAD_KEY } from '@weft/model/read-pod';
import type { ReplicaPlan } from './replica-plan.ts';

/** A replica as the control plane is told of it. */
export interface RunningPod {
  readonly plan: ReplicaPlan;
  readonly address: string;
  readonly appPorts: Readonly<Record<number, number>>;
  readonly ready: boolean;
  /** Wall-clock milliseconds at which its end began; null while it is wanted. */
  readonly terminatingSince: number | null;
}

/** `STATE/run/pods.json`: a Kubernetes List of Pods, as its API server would show these replicas. */
export const podsFile = (pods: readonly RunningPod[]): string =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: pods.map(podManifest) }, null, 1)}\n`;

const podManifest = ({ plan, address, appPorts, ready, terminatingSince }: RunningPod): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: plan.pod,
    namespace: plan.namespace,
    labels: plan.labels,
    annotations: {
      ...plan.annotations,
      [WORKLOAD_KEY]: plan.workload,
      ...(plan.dataPlane === 'none' ? {} : { [APP_PORTS_ANNOTATION]: JSON.stringify(appPorts) }),
    },
    ...(terminatingSince !== null && { deletionTimestamp: new Date(terminatingSince).toISOString() }),
  },
  spec: {
    serviceAccountName: plan.serviceAccount,
    containers: plan.containers.map((c) => ({
      name: c.name,
      ports: c.ports.map((p) => ({ ...(p.name && { name: p.name }), containerPort: p.port })),
    })),
  },
  status: {
    podIP: address,
    conditions: [{ type: 'Ready', status: ready && terminatingSince === null ? 'True' : 'False' }],
  },
});
