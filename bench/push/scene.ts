// The mesh of `push` and `push-1000`, as API objects, the proxies that connect, and what changes.
import type { ObjectEvent } from '@weft/model/load';

export interface Scene {
  readonly services: number;
  readonly clients: number;
}

const NAMESPACES = 20;
const PODS = 10;
const ZONES = 3;
/** Every fifth service has a VirtualService (90/10) and a DestinationRule (two subsets). */
const SPLIT_EVERY = 5;
/** So many namespaces have a Sidecar that leaves them themselves and two others. */
const SIDECARS = 10;

const namespaceOf = (i: number): string => `ns-${i % NAMESPACES}`;
const serviceName = (i: number): string => `svc-${i}`;

/** A pod whose proxy connects; each namespace has as many. */
export interface ClientPod {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly ip: string;
}

export const clientPods = ({ services, clients }: Scene): ClientPod[] =>
  Array.from({ length: clients }, (_, n) => {
    const i = n % services;
    const replica = Math.floor(n / services);
    return {
      namespace: namespaceOf(i),
      name: podName(i, replica),
      serviceAccount: serviceName(i),
      ip: podIp(i, replica),
    };
  });

/** Istio's form: TYPE~IP~POD.NAMESPACE~DOMAIN. */
export const nodeIdOf = ({ namespace, name, ip }: ClientPod): string =>
  `sidecar~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`;

const podName = (i: number, replica: number): string => `${serviceName(i)}-${replica}`;
const podIp = (i: number, replica: number): string => {
  const n = i * PODS + replica + 1;
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
};

const put = (manifest: Record<string, unknown>): ObjectEvent => ({ kind: 'put', manifest });

export const objects = ({ services }: Scene): ObjectEvent[] => {
  const events: ObjectEvent[] = [];
  for (let n = 0; n < NAMESPACES; n++) {
    events.push(put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `ns-${n}` } }));
    if (n >= SIDECARS) continue;
    const hosts = ['./*', ...[n + 1, n + 2].map((k) => `ns-${k % NAMESPACES}/*`)];
    events.push(put(istio('Sidecar', 'default', `ns-${n}`, { egress: [{ hosts }] })));
  }
  for (let i = 0; i < services; i++) {
    events.push(service(serviceName(i), namespaceOf(i)));
    for (let replica = 0; replica < PODS; replica++) events.push(pod(i, replica, true));
    if (i % SPLIT_EVERY === 1) events.push(destinationRule(i), virtualService(i, 90));
  }
  return events;
};

const service = (name: string, namespace: string): ObjectEvent =>
  put({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 8080 }] },
  });

const pod = (i: number, replica: number, ready: boolean): ObjectEvent => {
  const name = serviceName(i);
  return put({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(i, replica),
      namespace: namespaceOf(i),
      labels: {
        app: name,
        version: replica === 0 ? 'v2' : 'v1',
        'topology.kubernetes.io/region': 'local',
        'topology.kubernetes.io/zone': `zone-${replica % ZONES}`,
      },
      annotations: { 'weft.dev/workload': name },
    },
    spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }] },
    status: {
      phase: 'Running',
      podIP: podIp(i, replica),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  });
};

const istio = (kind: string, name: string, namespace: string, spec: object): Record<string, unknown> => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name, namespace },
  spec,
});

const destinationRule = (i: number): ObjectEvent =>
  put(
    istio('DestinationRule', serviceName(i), namespaceOf(i), {
      host: serviceName(i),
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    }),
  );

const virtualService = (i: number, weight: number): ObjectEvent => {
  const host = serviceName(i);
  const to = (subset: string, share: number): object => ({ destination: { host, subset }, weight: share });
  const route = [to('v1', weight), to('v2', 100 - weight)];
  return put(istio('VirtualService', host, namespaceOf(i), { hosts: [host], http: [{ route }] }));
};

const CHURNING = 40;

/** `churn`: one endpoint after the other goes, and comes back. */
export type ChangeKind = 'endpoint' | 'weight' | 'service' | 'churn';

/** The n-th change of a kind, of a service that all namespaces without a Sidecar see. */
export const change = (kind: ChangeKind, n: number): ObjectEvent[] => {
  const i = 15 + NAMESPACES * n;
  if (kind === 'endpoint') return [pod(i, 7, false)];
  if (kind === 'churn') return [pod(15 + NAMESPACES * (n % CHURNING), 8, Math.floor(n / CHURNING) % 2 === 1)];
  // Split services in ns-11: 11, 31, 51, …
  if (kind === 'weight') return [virtualService(11 + NAMESPACES * n, 80)];
  return [service(`new-${n}`, namespaceOf(15))];
};
