// A mesh of many services as an API server or a folder has it: Services, the Pods behind them, and for every fifth
// service a VirtualService (90/10) and a DestinationRule (two subsets).

export type Manifest = Readonly<Record<string, unknown>>;

export const NAMESPACES = 20;
const ZONES = 3;
const SPLIT_EVERY = 5;

const namespaceOf = (i: number): string => `ns-${i % NAMESPACES}`;

export const podManifest = (i: number, n: number, ready = true): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `svc-${i}-${n}`,
    namespace: namespaceOf(i),
    labels: {
      app: `svc-${i}`,
      version: `v${(n % 2) + 1}`,
      'topology.kubernetes.io/region': 'local',
      'topology.kubernetes.io/zone': `zone-${n % ZONES}`,
    },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `svc-${i}-7d4b9c6f8`, controller: true }],
  },
  spec: {
    serviceAccountName: `svc-${i}`,
    containers: [{ name: 'app', image: 'app:1', ports: [{ containerPort: 8080 }] }],
  },
  status: {
    podIP: `10.${(i * 10 + n) >> 16}.${((i * 10 + n) >> 8) & 255}.${(i * 10 + n) & 255}`,
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});

export const serviceManifest = (i: number): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: `svc-${i}`, namespace: namespaceOf(i), labels: { app: `svc-${i}` } },
  spec: { selector: { app: `svc-${i}` }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});

export const splitManifest = (i: number, weight = 90): Manifest => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: `svc-${i}`, namespace: namespaceOf(i) },
  spec: {
    hosts: [`svc-${i}`],
    http: [
      {
        timeout: '5s',
        route: [
          { destination: { host: `svc-${i}`, subset: 'v1' }, weight },
          { destination: { host: `svc-${i}`, subset: 'v2' }, weight: 100 - weight },
        ],
      },
    ],
  },
});

const ruleManifest = (i: number): Manifest => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: `svc-${i}`, namespace: namespaceOf(i) },
  spec: {
    host: `svc-${i}`,
    trafficPolicy: { loadBalancer: { simple: 'LEAST_REQUEST' }, connectionPool: { http: { http2MaxRequests: 1000 } } },
    subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
  },
});

export function* manifests(services: number, endpoints: number): Generator<Manifest> {
  for (let i = 0; i < services; i++) {
    yield serviceManifest(i);
    for (let n = 0; n < endpoints; n++) yield podManifest(i, n);
    if (i % SPLIT_EVERY !== 0) continue;
    yield ruleManifest(i);
    yield splitManifest(i);
  }
}

/** A manifest as people write it: block style, strings that could be something else in quotes. */
export const toYaml = (value: unknown, indent = ''): string => {
  if (Array.isArray(value))
    return value.map((item) => `\n${indent}- ${toYaml(item, `${indent}  `).replace(/^\n +/, '')}`).join('');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(
        ([key, item]) =>
          `\n${indent}${key}:${isScalar(item) ? ' ' : ''}${toYaml(item, Array.isArray(item) ? indent : `${indent}  `)}`,
      )
      .join('');
  return typeof value === 'string' && /^(?:true|false|null|[\d.]+)$/i.test(value) ? `"${value}"` : String(value);
};

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;
