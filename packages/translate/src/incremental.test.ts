import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoadResult, loadObjects, type ObjectEvent } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import * as fc from 'fast-check';
import { visits } from './memo.ts';
import { viewKey } from './view/view-key.ts';
import { type ResourceSet, translateParts, type TranslatedProxy } from './translate.ts';

type Manifest = Readonly<Record<string, unknown>>;

const object = (
  apiVersion: string,
  kind: string,
  namespace: string,
  name: string,
  rest: object,
  meta: object = {},
): Manifest => ({
  apiVersion,
  kind,
  metadata: { namespace, name, ...meta },
  ...rest,
});

const service = (
  namespace: string,
  name: string,
  app: string,
  port = 80,
  portName = 'http',
  meta: object = {},
): Manifest =>
  object(
    'v1',
    'Service',
    namespace,
    name,
    { spec: { selector: { app }, ports: [{ name: portName, port, targetPort: 8080 }] } },
    meta,
  );

const pod = (namespace: string, app: string, n: number, labels: object = {}, ready = true): Manifest =>
  object(
    'v1',
    'Pod',
    namespace,
    `${app}-${n}`,
    {
      spec: { serviceAccountName: app, containers: [{ name: 'app', ports: [{ containerPort: 8080 }] }] },
      status: { podIP: `10.0.0.${n}`, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
    },
    { labels: { app, version: `v${n % 2}`, ...labels } },
  );

const istio = (kind: string, namespace: string, name: string, spec: object): Manifest =>
  object(
    `${kind.endsWith('Policy') || kind === 'PeerAuthentication' ? 'security' : 'networking'}.istio.io/v1`,
    kind,
    namespace,
    name,
    { spec },
  );

const put = (manifest: Manifest): ObjectEvent => ({ kind: 'put', manifest });

const nodesOf = (mesh: Mesh): { key: string; view: string; parts: TranslatedProxy }[] =>
  [...mesh.pods.values()].flatMap((p) =>
    (['weft', 'envoy'] as const).map((dataPlane) => ({
      key: `${p.namespace}/${p.name} ${dataPlane}`,
      view: viewKey(mesh, p),
      parts: translateParts(mesh, { pod: p, dataPlane, bindAddress: p.ip, vhds: dataPlane === 'weft' }),
    })),
  );

/** The same mesh without a past: nothing in it is known. */
const anew = (mesh: Mesh): Mesh =>
  structuredClone({
    ...mesh,
    ...Object.fromEntries(
      (['namespaces', 'services', 'workloads', 'pods'] as const).map((key) => [
        key,
        new Map<string, unknown>(mesh[key]),
      ]),
    ),
  });

const name = fc.constantFrom('a', 'b', 'c');
const namespace = fc.constantFrom('one', 'two', 'istio-system');
const host = fc.constantFrom(
  'a',
  'b',
  'c.one.svc.cluster.local',
  'a.two.svc.cluster.local',
  '*.two.svc.cluster.local',
  'b.one',
  'x.example.com',
  '*.example.com',
);
const exportTo = fc.constantFrom({}, {}, { exportTo: ['.'] }, { exportTo: ['two'] });

const change = fc.oneof(
  fc
    .tuple(
      namespace,
      name,
      name,
      fc.constantFrom([80, 'http'], [9000, 'http'], [80, 'tcp'], [9000, 'tls']),
      fc.boolean(),
    )
    .map(([ns, n, app, [port, portName], own]) =>
      service(
        ns,
        n,
        app,
        port as number,
        portName as string,
        own ? { annotations: { 'networking.istio.io/exportTo': '.' } } : {},
      ),
    ),
  fc
    .tuple(namespace, name, fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.constantFrom({}, { tier: 'front' }))
    .map(([ns, app, n, ready, labels]) => pod(ns, app, n, labels, ready)),
  fc
    .tuple(
      namespace,
      name,
      host,
      fc.constantFrom('a', 'b', 'c.one.svc.cluster.local'),
      fc.integer({ min: 0, max: 100 }),
      exportTo,
    )
    .map(([ns, n, h, to, weight, more]) =>
      istio('VirtualService', ns, n, {
        hosts: [h],
        http: [
          {
            route: [
              { destination: { host: to, subset: 'v1' }, weight },
              { destination: { host: 'b' }, weight: 100 - weight },
            ],
          },
        ],
        ...more,
      }),
    ),
  fc.tuple(namespace, name, host).map(([ns, n, h]) =>
    istio('VirtualService', ns, n, {
      hosts: [h],
      http: [
        { match: [{ sourceLabels: { tier: 'front' } }], route: [{ destination: { host: 'a' } }] },
        { route: [{ destination: { host: 'b' } }] },
      ],
    }),
  ),
  fc.tuple(namespace, name, name).map(([ns, n, d]) =>
    istio('VirtualService', ns, n, {
      hosts: ['a'],
      http: [
        { match: [{ uri: { prefix: '/x' } }], delegate: { name: d } },
        { route: [{ destination: { host: 'b' } }] },
      ],
    }),
  ),
  fc
    .tuple(namespace, name, name)
    .map(([ns, n, d]) => istio('VirtualService', ns, n, { http: [{ route: [{ destination: { host: d } }] }] })),
  fc
    .tuple(namespace, name, host)
    .map(([ns, n, h]) =>
      istio('VirtualService', ns, n, { hosts: [h], tcp: [{ route: [{ destination: { host: 'c' } }] }] }),
    ),
  fc.tuple(namespace, name, host, fc.constantFrom('v1', 'v2'), exportTo).map(([ns, n, h, version, more]) =>
    istio('DestinationRule', ns, n, {
      host: h,
      subsets: [{ name: version, labels: { version } }],
      trafficPolicy: { connectionPool: { tcp: { idleTimeout: '5s' } } },
      ...more,
    }),
  ),
  fc
    .tuple(namespace, name, fc.constantFrom({}, { selector: { matchLabels: { app: 'a' } } }))
    .map(([ns, n, selector]) =>
      istio('AuthorizationPolicy', ns, n, { ...selector, rules: [{ to: [{ operation: { paths: ['/x'] } }] }] }),
    ),
  fc
    .tuple(namespace, name, fc.constantFrom('STRICT', 'PERMISSIVE'))
    .map(([ns, n, mode]) => istio('PeerAuthentication', ns, n, { mtls: { mode } })),
  fc
    .tuple(
      namespace,
      fc.constantFrom({}, { workloadSelector: { labels: { app: 'a' } } }),
      fc.constantFrom(['./*'], ['*/a.two.svc.cluster.local', './b.one.svc.cluster.local'], ['two/*'], ['~/*']),
      fc.constantFrom({}, { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }),
    )
    .map(([ns, selector, hosts, policy]) =>
      istio('Sidecar', ns, 'default', { ...selector, egress: [{ hosts }], ...policy }),
    ),
  fc.constantFrom('ALLOW_ANY', 'REGISTRY_ONLY').map((mode) =>
    object('v1', 'ConfigMap', 'istio-system', 'istio', {
      data: { mesh: `outboundTrafficPolicy: {mode: ${mode}}\n` },
    }),
  ),
);

const events = fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.nat(), change), { minLength: 1, maxLength: 4 });

test('after any changes, what is told is what a translation from nothing tells, and what did not change is the same', () => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 3, maxLength: 10 }), fc.nat(), (steps, seed) => {
      const there: Manifest[] = [
        service('one', 'a', 'a'),
        service('two', 'b', 'b'),
        pod('one', 'a', 1),
        pod('two', 'b', 2),
      ];
      let load = loadObjects(there.map(put));
      let before = new Map<string, TranslatedProxy>();
      steps.forEach((step, i) => {
        const batch = step.map(([gone, , n, manifest]): ObjectEvent => {
          const victim = there[n % there.length] as Manifest;
          if (gone) return { kind: 'gone', manifest: victim };
          there.push(manifest);
          return put(manifest);
        });
        load = loadObjects(batch, load);
        // Some meshes nobody asks about.
        if ((seed + i) % 3 === 0) return;
        const after = nodesOf(load.mesh);
        const expected = new Map(nodesOf(anew(load.mesh)).map(({ key, parts }) => [key, parts]));
        for (const { key, view, parts } of after) {
          assert.deepStrictEqual(parts, expected.get(key), key);
          // Another view's lists may be equal and not the same.
          sameIfEqual(before.get(`${key} ${view}`), parts, key);
        }
        before = new Map(after.map(({ key, view, parts }) => [`${key} ${view}`, parts]));
      });
    }),
    { numRuns: 200 },
  );
});

const TYPES = ['listeners', 'routes', 'virtualHosts', 'clusters', 'endpoints'] as const;

/** A list whose items are all the same objects must be the same list. */
const sameIfEqual = (before: TranslatedProxy | undefined, after: TranslatedProxy, key: string): void => {
  for (const part of ['shared', 'own'] as const)
    for (const type of TYPES) {
      const [x, y] = [before?.[part][type] as readonly unknown[] | undefined, after[part][type]];
      if (x?.length === y.length && x.every((item, i) => item === y[i])) assert.equal(x, y, `${key} ${part} ${type}`);
    }
};

test('proxies that see the same share their lists, across namespaces where only names differ', () => {
  const { mesh } = loadObjects(
    [
      service('one', 'a', 'a'),
      service('two', 'b', 'b'),
      pod('one', 'a', 1),
      pod('one', 'a', 2),
      pod('two', 'b', 3),
    ].map(put),
  );
  const [first, second, third] = nodesOf(mesh)
    .filter(({ key }) => key.endsWith(' weft'))
    .map(({ parts }) => parts.shared) as [ResourceSet, ResourceSet, ResourceSet];
  assert.equal(first, second);
  assert.notEqual(first, third);
  assert.equal(first.clusters, third.clusters);
  assert.equal(first.endpoints, third.endpoints);
});

/** A mesh of many services; proxies of the first few are told of every change. */
const meshOf = (services: number): LoadResult => {
  const all: Manifest[] = [];
  for (let i = 0; i < services; i++) {
    const ns = `ns-${i % 20}`;
    all.push(service(ns, `s-${i}`, `s-${i}`), pod(ns, `s-${i}`, 1), pod(ns, `s-${i}`, 2));
    if (i % 5 === 0) all.push(rule(i), split(i, 90));
  }
  return loadObjects(all.map(put));
};

const rule = (i: number): Manifest =>
  istio('DestinationRule', `ns-${i % 20}`, `s-${i}`, {
    host: `s-${i}`,
    subsets: ['v0', 'v1'].map((version) => ({ name: version, labels: { version } })),
  });
const split = (i: number, weight: number): Manifest =>
  istio('VirtualService', `ns-${i % 20}`, `s-${i}`, {
    hosts: [`s-${i}`],
    http: [
      {
        route: [
          { destination: { host: `s-${i}`, subset: 'v0' }, weight },
          { destination: { host: `s-${i}`, subset: 'v1' }, weight: 100 - weight },
        ],
      },
    ],
  });

const changes: Readonly<Record<string, (before: Mesh) => ObjectEvent>> = {
  'an endpoint': () => put(pod('ns-5', 's-5', 1, {}, false)),
  'a weight': () => put(split(5, 50)),
  'a new service': () => put(service('ns-5', 'new', 'new')),
  'a label': () => put(pod('ns-5', 's-5', 2, { version: 'v1' })),
};

test('a change costs what it concerns, in a mesh of 5,000 services as in one of 1,000', { timeout: 120_000 }, () => {
  const counts = [1000, 5000].map((services) => {
    const first = meshOf(services);
    const watch = (mesh: Mesh): void => {
      for (let i = 0; i < 40; i += 5) {
        const p = mesh.pods.get(`ns-${i % 20}/s-${i}-1`) ?? assert.fail();
        translateParts(mesh, { pod: p, dataPlane: 'weft', bindAddress: p.ip, vhds: true });
      }
    };
    watch(first.mesh);
    let last = first;
    return Object.entries(changes).map(([what, makeChange]) => {
      last = loadObjects([makeChange(last.mesh)], last);
      const before = visits.count;
      watch(last.mesh);
      return `${what}: ${visits.count - before}`;
    });
  });
  assert.deepEqual(counts[1], counts[0]);
  for (const line of counts[0] ?? []) assert.ok(Number(line.split(': ')[1]) < 2000, line);
});
