import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoadResult, loadMesh } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import { podOf, withSyntheticPods } from './synthetic-pods.ts';
import { type ResourceSet, translateProxy } from './translate.ts';

const service = (name: string): string => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec:
  selector: {app: ${name}}
  ports: [{name: http, port: 80, targetPort: 8080}]
`;

const pod = (name: string, ip: string, ready = true): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${name.split('-')[0]}}}
spec: {containers: [{name: main, image: none, ports: [{containerPort: 8080}]}]}
status: {podIP: ${ip}, conditions: [{type: Ready, status: "${ready ? 'True' : 'False'}"}]}
`;

const split = (weight: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [a]
  http:
  - route: [{destination: {host: a}, weight: ${weight}}, {destination: {host: b}, weight: ${100 - weight}}]
`;

const policy = (path: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: b, namespace: default}
spec:
  selector: {matchLabels: {app: b}}
  rules: [{to: [{operation: {paths: [${path}]}}]}]
`;

const load = (files: Record<string, string>, previous?: LoadResult): LoadResult =>
  loadMesh(
    Object.entries(files).map(([path, text]) => ({ path, text })),
    previous,
  );

const files = {
  'a.yaml': service('a'),
  'b.yaml': service('b'),
  'a-1.yaml': pod('a-1', '10.0.0.1'),
  'b-1.yaml': pod('b-1', '10.0.0.2'),
  'route.yaml': split(90),
  'policy.yaml': policy('/x'),
};

const resourcesOf = (mesh: Mesh, name: string): ResourceSet => {
  const found = podOf(mesh, 'default', name) ?? assert.fail(name);
  return translateProxy(mesh, { pod: found, dataPlane: 'weft', bindAddress: found.ip });
};

/** Names of the resources of `after` that are other objects than those of `before`. */
const changed = (before: ResourceSet, after: ResourceSet): string[] => {
  const known = new Set<unknown>(Object.values(before).flat());
  return [...after.listeners, ...after.routes, ...after.clusters, ...after.endpoints]
    .filter((resource) => !known.has(resource))
    .map((resource) => ('name' in resource ? resource.name : (resource as { clusterName?: string }).clusterName) ?? '');
};

test('proxies of one namespace share routes, outbound clusters and endpoints', () => {
  const { mesh } = load(files);
  const [a, b] = [resourcesOf(mesh, 'a-1'), resourcesOf(mesh, 'b-1')];
  assert.equal(a.routes[0], b.routes[0]);
  assert.deepEqual(changed(a, b), ['10.0.0.2_15001', '10.0.0.2_8080', 'inbound|8080||', 'http_proxy_tunnel']);
});

test('translating a mesh again changes nothing', () => {
  const first = load(files);
  const before = resourcesOf(first.mesh, 'a-1');
  assert.deepEqual(changed(before, resourcesOf(first.mesh, 'a-1')), []);
  assert.deepEqual(changed(before, resourcesOf(load(files, first).mesh, 'a-1')), []);
});

test('a weight that changes touches the route table, and in it one virtual host', () => {
  const first = load(files);
  const before = resourcesOf(first.mesh, 'a-1');
  const after = resourcesOf(load({ ...files, 'route.yaml': split(10) }, first).mesh, 'a-1');
  assert.deepEqual(changed(before, after), ['http_proxy']);
  const hosts = new Set(before.routes[0]?.virtualHosts);
  assert.deepEqual(
    after.routes[0]?.virtualHosts?.filter((host) => !hosts.has(host)).map((host) => host.name),
    ['a.default.svc.cluster.local:80'],
  );
});

test('an endpoint that is no longer ready touches the endpoints of its service alone', () => {
  const first = load(files);
  const before = resourcesOf(first.mesh, 'a-1');
  const after = resourcesOf(load({ ...files, 'b-1.yaml': pod('b-1', '10.0.0.2', false) }, first).mesh, 'a-1');
  assert.deepEqual(changed(before, after), ['outbound|80||b.default.svc.cluster.local']);
});

test('a policy that changes touches the inbound listeners that it is for', () => {
  const first = load(files);
  const second = load({ ...files, 'policy.yaml': policy('/y') }, first);
  assert.deepEqual(changed(resourcesOf(first.mesh, 'a-1'), resourcesOf(second.mesh, 'a-1')), []);
  assert.deepEqual(changed(resourcesOf(first.mesh, 'b-1'), resourcesOf(second.mesh, 'b-1')), ['10.0.0.2_8080']);
});

test('a destination that comes into being is named by its own port from then on', () => {
  const route = split(50).replace('host: b', 'host: c');
  const first = load({ ...files, 'route.yaml': route });
  const clusters = (mesh: Mesh): unknown =>
    resourcesOf(mesh, 'a-1')
      .routes[0]?.virtualHosts?.find((host) => host.name?.startsWith('a.'))
      ?.routes?.at(-1)
      ?.route?.weightedClusters?.clusters?.map((cluster) => cluster.name);
  assert.deepEqual(clusters(first.mesh), [
    'outbound|80||a.default.svc.cluster.local',
    'outbound|80||c.default.svc.cluster.local',
  ]);
  const c = service('c').replace('port: 80,', 'port: 9000,');
  const second = load({ ...files, 'route.yaml': route, 'c.yaml': c }, first);
  assert.deepEqual(clusters(second.mesh), [
    'outbound|80||a.default.svc.cluster.local',
    'outbound|9000||c.default.svc.cluster.local',
  ]);
});

test('resource names are unique whatever the manifests repeat', () => {
  const twice = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: default}
spec:
  host: a
  subsets: [{name: v1, labels: {version: v1}}, {name: v1, labels: {version: v2}}]
`;
  const resources = resourcesOf(withSyntheticPods(load({ ...files, 'rule.yaml': twice }).mesh), 'a-1');
  for (const list of [resources.listeners, resources.clusters, resources.routes]) {
    const names = list.map((resource) => resource.name);
    assert.equal(new Set(names).size, names.length, names.join());
  }
  const domains = resources.routes.flatMap((table) => table.virtualHosts?.flatMap((host) => host.domains ?? []) ?? []);
  assert.equal(new Set(domains).size, domains.length);
});
