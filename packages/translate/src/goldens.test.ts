import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadMesh } from '@weft/model/load';
import { canonicalJson, expectGolden } from '@weft/testkit/golden';
import { podOf, withSyntheticPods } from './synthetic-pods.ts';
import { type ResourceSet, translateProxy } from './translate.ts';

/**
 * Each `STAGE/goldens/NAME.yaml` becomes `NAME.json`. Its first line says for whom, which resources, and whose name
 * starts how: `# default/frontend clusters outbound|80`; a word `envoy` or `grpc` before them chooses that data plane.
 */
const FIRST_LINE = /^# (envoy |grpc )?([\w-]+)\/([\w-]+) (\w+)(?: (\S+))?\n/;

for (const stage of ['authorization', 'cluster', 'endpoint', 'grpc', 'listener', 'route']) {
  const folder = join(import.meta.dirname, stage, 'goldens');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const name = file.slice(0, -'.yaml'.length);
    test(`${stage} of ${name.replaceAll('-', ' ')}`, () => {
      expectGolden(
        join(folder, `${name}.json`),
        canonicalJson(compileCase(readFileSync(join(folder, file), 'utf8'), file)),
      );
    });
  }
}

const compileCase = (text: string, file: string): unknown => {
  const [, plane, namespace = '', workload = '', what = '', prefix = ''] = FIRST_LINE.exec(text) ?? assert.fail(file);
  const loaded = loadMesh([{ path: file, text }]);
  const mesh = withSyntheticPods(loaded.mesh);
  const pod = podOf(mesh, namespace, workload) ?? assert.fail(`${file}: no ${namespace}/${workload}`);
  const resources = translateProxy(mesh, {
    pod,
    dataPlane: (plane?.trim() ?? 'weft') as 'weft' | 'envoy' | 'grpc',
    bindAddress: pod.ip,
  });
  const shown = show(resources, what).filter((resource) => resource.name.startsWith(prefix));
  assert.ok(shown.length > 0, `${file}: nothing to show`);
  return { [what]: shown };
};

type Named = { readonly name: string };

const show = (resources: ResourceSet, what: string): readonly Named[] => {
  switch (what) {
    case 'listeners':
    case 'routes':
    case 'clusters':
      return resources[what] as readonly Named[];
    case 'endpoints':
      return resources.endpoints.map((assignment) => ({ name: assignment.clusterName ?? '', ...assignment }));
    case 'virtualHosts':
      return resources.routes.flatMap((table) => table.virtualHosts ?? []) as readonly Named[];
    case 'authorization':
      return resources.listeners.map((listener) => ({ name: listener.name ?? '', rbac: rbacFilters(listener) }));
    default:
      return assert.fail(`${what}: listeners, routes, clusters, endpoints, virtualHosts or authorization`);
  }
};

/** The rules of the RBAC filters of each filter chain, in order. */
const rbacFilters = (listener: ResourceSet['listeners'][number]): object =>
  Object.fromEntries(
    (listener.filterChains ?? []).map((chain) => {
      const filters = (chain.filters ?? []).flatMap((filter) => [
        filter.typedConfig,
        ...((filter.typedConfig?.httpFilters ?? []) as { typedConfig: object }[]).map((f) => f.typedConfig),
      ]);
      return [chain.name ?? '', filters.flatMap((config) => (config && 'rules' in config ? [config.rules] : []))];
    }),
  );
