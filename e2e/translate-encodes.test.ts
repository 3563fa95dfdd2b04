import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadMesh } from '@weft/model/load';
import { repoRoot } from '@weft/testkit/require';
import {
  compileCluster,
  compileEndpoints,
  compileListener,
  compileRouteTable,
  isCompileError,
} from '@weft/traffic/compile';
import { encodeStruct } from '@weft/translate/listener/struct';
import { withSyntheticPods } from '@weft/translate/synthetic-pods';
import { type ResourceSet, translateProxy } from '@weft/translate/translate';
import { decodeMessage, encodeMessage } from '@weft/xds/codec';

/** The manifests of the goldens and of the examples: each makes resources for every pod and both data planes. */
const translate = join(repoRoot, 'packages/translate/src');
const inputs = [
  ...['authorization', 'cluster', 'endpoint', 'listener', 'route'].flatMap((stage) =>
    yamlFiles(join(translate, stage, 'goldens')).map((path) => [path]),
  ),
  yamlFiles(join(repoRoot, 'examples/bookshop')),
].filter((paths) => paths.length > 0);

function yamlFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name));
}

const resourceSets = function* (): Generator<{
  readonly of: string;
  readonly dataPlane: string;
  readonly resources: ResourceSet;
}> {
  for (const paths of inputs) {
    const loaded = loadMesh(paths.map((path) => ({ path, text: readFileSync(path, 'utf8') })));
    const mesh = withSyntheticPods(loaded.mesh);
    for (const pod of mesh.pods.values())
      for (const dataPlane of ['weft', 'envoy'] as const)
        yield {
          dataPlane,
          of: `${paths[0]?.slice(translate.length)} ${pod.name} ${dataPlane}`,
          resources: translateProxy(mesh, { pod, dataPlane, bindAddress: pod.ip }),
        };
  }
};

test('all that is translated can be encoded, and is the same when it comes back', () => {
  for (const { of, resources } of resourceSets()) {
    const check = (type: string, list: readonly object[]): void => {
      for (const resource of list) {
        const bytes = encodeMessage(type, resource);
        const back = decodeMessage<object>(type, bytes);
        assert.deepEqual(encodeMessage(type, back), bytes, of);
      }
    };
    check('envoy.config.listener.v3.Listener', resources.listeners);
    check('envoy.config.route.v3.RouteConfiguration', resources.routes);
    check('envoy.config.cluster.v3.Cluster', resources.clusters);
    check('envoy.config.endpoint.v3.ClusterLoadAssignment', resources.endpoints);
  }
});

test('our data plane understands all that is translated', () => {
  for (const { of, resources, dataPlane } of resourceSets()) {
    if (dataPlane !== 'weft') continue;
    const refused = [
      ...resources.listeners.map(compileListener),
      ...resources.routes.map(compileRouteTable),
      ...resources.clusters.map(compileCluster),
      ...resources.endpoints.map(compileEndpoints),
    ].filter(isCompileError);
    assert.deepEqual(refused, [], of);
  }
});

test('peer metadata is a Struct to whoever decodes it', () => {
  const struct = { NAME: 'a', LABELS: { app: 'a', ä: '€'.repeat(100) }, EMPTY: {}, NOTHING: '' };
  assert.deepEqual(decodeMessage('google.protobuf.Struct', encodeStruct(struct)), struct);
});
