import type { Mesh, Pod, Workload } from '@weft/model/mesh';

/**
 * The mesh as it would be with every workload running: those without pods that have an address get one for each replica,
 * at 127.1.0.1 and up, in the order of their names. For looking at configuration before anything runs.
 */
export const withSyntheticPods = (mesh: Mesh): Mesh => {
  const pods = new Map([...mesh.pods].filter(([, pod]) => pod.ip !== ''));
  const running = new Set([...pods.values()].map((pod) => `${pod.namespace}/${pod.workload}`));
  let next = 1;
  for (const [key, workload] of [...mesh.workloads].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (running.has(key)) continue;
    // Scaled to zero: an instance to be looked at, which takes no requests.
    for (let i = 0; i < Math.max(1, workload.replicas); i++) {
      const pod = syntheticPod(workload, i, addressOf(next++));
      pods.set(`${pod.namespace}/${pod.name}`, pod);
    }
  }
  return { ...mesh, pods };
};

const addressOf = (n: number): string => `127.1.${Math.floor((n - 1) / 254) % 256}.${((n - 1) % 254) + 1}`;

const syntheticPod = (workload: Workload, index: number, ip: string): Pod => ({
  namespace: workload.namespace,
  name: workload.kind === 'Pod' ? workload.name : `${workload.name}-${index}`,
  workload: workload.name,
  labels: workload.labels,
  annotations: workload.annotations,
  serviceAccount: workload.serviceAccount,
  ip,
  ready: index < workload.replicas,
  terminating: false,
  ports: workload.containers.flatMap((container) => container.ports),
  appPorts: {},
  locality: {
    region: workload.labels['topology.kubernetes.io/region'] ?? '',
    zone: workload.labels['topology.kubernetes.io/zone'] ?? '',
  },
});

/** The pod of a Deployment or Pod, by `namespace` and either's name: a pod of that name, else the workload's first. */
export const podOf = (mesh: Mesh, namespace: string, name: string): Pod | undefined =>
  mesh.pods.get(`${namespace}/${name}`) ??
  [...mesh.pods.values()]
    .filter((pod) => pod.namespace === namespace && pod.workload === name && !pod.terminating)
    .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
