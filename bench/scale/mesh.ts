// A mesh of many services, as YAML that the model reads: what is measured goes the way that a user's files go.
import { loadMesh } from '@weft/model/load';
import type { Mesh, Pod } from '@weft/model/mesh';
import { withSyntheticPods } from '@weft/translate/synthetic-pods';

export interface ScaleMeshOptions {
  readonly services: number;
  readonly namespaces: number;
  /** Pods of each service; they are spread over the zones. */
  readonly replicas: number;
  readonly zones: number;
  /** Every n-th service gets a VirtualService (90/10) and a DestinationRule (two subsets); 0: none. */
  readonly splitEvery: number;
  /** Every n-th service is visible in its own namespace only (`exportTo: .`); 0: none. */
  readonly privateEvery: number;
  /** So many VirtualServices match on `sourceLabels`. */
  readonly sourceLabelMatches: number;
}

export const serviceName = (i: number): string => `svc-${i}`;
export const namespaceOf = (i: number, { namespaces }: ScaleMeshOptions): string => `ns-${i % namespaces}`;

const documents = (options: ScaleMeshOptions): object[] => {
  const result: object[] = [];
  for (let n = 0; n < options.namespaces; n++)
    result.push({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `ns-${n}` } });
  for (let i = 0; i < options.services; i++) {
    const [name, namespace] = [serviceName(i), namespaceOf(i, options)];
    const own = options.privateEvery > 0 && i % options.privateEvery === 0;
    const labels = { app: name, version: 'v1', ...(i % 50 === 0 && { tier: 'front' }) };
    result.push(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace, ...(own && { annotations: { 'networking.istio.io/exportTo': '.' } }) },
        spec: { selector: { app: name }, ports: [{ name: 'http', port: 8080 }] },
      },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace },
        spec: {
          replicas: options.replicas,
          selector: { matchLabels: { app: name } },
          template: {
            metadata: { labels },
            spec: {
              serviceAccountName: name,
              containers: [{ name: 'app', command: ['app'], ports: [{ containerPort: 8080 }] }],
            },
          },
        },
      },
    );
    if (options.splitEvery > 0 && i % options.splitEvery === 1 % options.splitEvery)
      result.push(...split(i, options, own));
  }
  for (let i = 0; i < options.sourceLabelMatches; i++) result.push(bySourceLabel(2 + i * 5, options));
  return result;
};

const istio = (kind: string, i: number, options: ScaleMeshOptions, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name: serviceName(i), namespace: namespaceOf(i, options) },
  spec,
});

const split = (i: number, options: ScaleMeshOptions, own: boolean): object[] => {
  const host = serviceName(i);
  const exportTo = own ? { exportTo: ['.'] } : {};
  return [
    istio('DestinationRule', i, options, {
      host,
      ...exportTo,
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    }),
    istio('VirtualService', i, options, {
      hosts: [host],
      ...exportTo,
      http: [
        {
          route: [
            { destination: { host, subset: 'v1' }, weight: 90 },
            { destination: { host, subset: 'v2' }, weight: 10 },
          ],
        },
      ],
    }),
  ];
};

const bySourceLabel = (i: number, options: ScaleMeshOptions): object => {
  const host = serviceName(i);
  const route = [{ destination: { host } }];
  return istio('VirtualService', i, options, {
    hosts: [host],
    http: [{ match: [{ sourceLabels: { tier: 'front' } }], timeout: '1s', route }, { route }],
  });
};

/** Throws on any diagnostic that is an error: a mesh that is not what it should be measures nothing. */
export const scaleMesh = (options: ScaleMeshOptions): Mesh => {
  const text = documents(options)
    .map((d) => JSON.stringify(d))
    .join('\n---\n');
  const loaded = loadMesh([{ path: 'scale.yaml', text }]);
  const error = loaded.diagnostics.find((d) => d.level === 'error');
  if (error) throw new Error(`${error.kind} ${error.name}: ${error.message}`);
  const mesh = withSyntheticPods(loaded.mesh);
  let n = 0;
  const pods = new Map(
    [...mesh.pods].map(([key, pod]): [string, Pod] => [
      key,
      { ...pod, locality: { region: 'local', zone: `zone-${n++ % options.zones}` } },
    ]),
  );
  return { ...mesh, pods };
};
