import { LabelIndex } from './label-index.ts';
import type { Mesh, Pod, Service } from './mesh.ts';
import { type Labels, labelsMatch } from './selector.ts';

interface Indexes {
  readonly pods: LabelIndex<Pod>;
  readonly services: LabelIndex<Service>;
}

const indexes = new WeakMap<Mesh, Indexes>();

const indexesOf = (mesh: Mesh): Indexes => {
  let known = indexes.get(mesh);
  if (!known) {
    known = {
      pods: new LabelIndex(mesh.pods.values(), (p) => p.labels),
      services: new LabelIndex(mesh.services.values(), (s) => s.selector),
    };
    indexes.set(mesh, known);
  }
  return known;
};

/** All pods that the service's selector selects, ready or not; none without a selector. */
export const podsOfService = (mesh: Mesh, service: Service): Pod[] =>
  indexesOf(mesh).pods.select(service.namespace, service.selector);

/** The services that select a pod, or what has a pod's namespace and labels (a workload), by host. */
export const servicesOfPod = (mesh: Mesh, pod: { readonly namespace: string; readonly labels: Labels }): Service[] =>
  [...indexesOf(mesh).services.sharing(pod.namespace, pod.labels)]
    .filter((service) => labelsMatch(service.selector, pod.labels))
    .sort((a, b) => (a.host < b.host ? -1 : 1));
