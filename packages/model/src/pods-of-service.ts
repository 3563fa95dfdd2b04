import { LabelIndex } from './label-index.ts';
import type { Mesh, Pod, Service, Workload } from './mesh.ts';
import { following } from './revision.ts';
import { type Labels, labelsMatch } from './selector.ts';

interface Indexes {
  readonly pods: LabelIndex<Pod>;
  readonly workloads: LabelIndex<Workload>;
  readonly services: LabelIndex<Service>;
}

const indexesOf = following<Indexes>(
  (mesh) => ({
    pods: new LabelIndex(mesh.pods.values(), (p) => p.labels),
    workloads: new LabelIndex(mesh.workloads.values(), (w) => w.labels),
    services: new LabelIndex(mesh.services.values(), (s) => s.selector),
  }),
  ({ pods, workloads, services }, changes) => {
    pods.apply(changes.pods);
    workloads.apply(changes.workloads);
    services.apply(changes.services);
  },
);

/** All pods that the service's selector selects, ready or not, in no order; none without a selector. */
export const podsOfService = (mesh: Mesh, service: Service): Pod[] =>
  indexesOf(mesh).pods.select(service.namespace, service.selector);

/** The workloads whose pods it selects, in no order. */
export const workloadsOfService = (mesh: Mesh, service: Service): Workload[] =>
  indexesOf(mesh).workloads.select(service.namespace, service.selector);

/** The services that select a pod, or what has a pod's namespace and labels (a workload), by host. */
export const servicesOfPod = (mesh: Mesh, pod: { readonly namespace: string; readonly labels: Labels }): Service[] =>
  [...indexesOf(mesh).services.sharing(pod.namespace, pod.labels)]
    .filter((service) => labelsMatch(service.selector, pod.labels))
    .sort((a, b) => (a.host < b.host ? -1 : 1));

/** Whether any workload or pod of a namespace has these labels. */
export const selectsAny = (mesh: Mesh, namespace: string, labels: Labels): boolean => {
  const { pods, workloads } = indexesOf(mesh);
  return workloads.select(namespace, labels).length > 0 || pods.select(namespace, labels).length > 0;
};

/** Whether a namespace has any workload or pod. */
export const isInhabited = (mesh: Mesh, namespace: string): boolean => (inhabitants(mesh).get(namespace) ?? 0) > 0;

const inhabitants = following<Map<string, number>>(
  (mesh) => {
    const counts = new Map<string, number>();
    for (const { namespace } of [...mesh.workloads.values(), ...mesh.pods.values()]) count(counts, namespace, 1);
    return counts;
  },
  (counts, { workloads, pods }) => {
    for (const { before, after } of [...workloads, ...pods]) {
      if (before) count(counts, before.namespace, -1);
      if (after) count(counts, after.namespace, 1);
    }
  },
);

const count = (counts: Map<string, number>, namespace: string, n: number): void => {
  counts.set(namespace, (counts.get(namespace) ?? 0) + n);
};
