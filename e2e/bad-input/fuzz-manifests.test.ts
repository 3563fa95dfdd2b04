// Whatever a manifest says: a diagnostic with its place, never an exception, never a hang; and what is made of the rest
// can be encoded, and our data plane takes it. `npm run fuzz:manifests` for more cases, WEFT_FUZZ_SEED for others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { loadMesh, type LoadResult } from '@weft/model/load';
import {
  compileCluster,
  compileEndpoints,
  compileListener,
  compileRouteTable,
  isCompileError,
} from '@weft/traffic/compile';
import { withSyntheticPods } from '@weft/translate/synthetic-pods';
import { type ResourceSet, translateProxy } from '@weft/translate/translate';
import { typeUrls } from '@weft/xds-api/type-urls';
import { encodeResource } from '@weft/xds/resource';
import { corpus } from './corpus.ts';
import { asText, mutate } from './mutate.ts';

const CASES = Number(process.env.WEFT_FUZZ_CASES ?? 250);
const SEED = Number(process.env.WEFT_FUZZ_SEED ?? 1);
/** Far above what any takes, also on a busy machine. */
const TIME_BOUND_MS = 5000;
/** Of a file's pods so many are translated for. */
const PODS = 4;

const encode = (set: ResourceSet): void => {
  for (const [typeUrl, list] of [
    [typeUrls.listener, set.listeners],
    [typeUrls.routeConfiguration, set.routes],
    [typeUrls.virtualHost, set.virtualHosts],
    [typeUrls.cluster, set.clusters],
    [typeUrls.clusterLoadAssignment, set.endpoints],
  ] as const)
    for (const resource of list) encodeResource(typeUrl, resource);
};

const refusedBy = (set: ResourceSet): object[] =>
  [
    ...set.listeners.map(compileListener),
    ...set.routes.map(compileRouteTable),
    ...set.clusters.map(compileCluster),
    ...set.endpoints.map(compileEndpoints),
  ].filter(isCompileError);

const travel = (loaded: LoadResult): void => {
  const mesh = withSyntheticPods(loaded.mesh);
  for (const pod of [...mesh.pods.values()].slice(0, PODS)) {
    for (const dataPlane of ['envoy', 'grpc'] as const)
      encode(translateProxy(mesh, { pod, dataPlane, bindAddress: pod.ip }));
    const ours = translateProxy(mesh, { pod, dataPlane: 'weft', bindAddress: pod.ip });
    encode(ours);
    assert.deepEqual(refusedBy(ours), []);
  }
};

test('mutated manifests: diagnostics with their places, and what is made of the rest travels', () => {
  const seeds = corpus();
  assert.ok(seeds.length > 20);
  const random = seededRandom(SEED);
  for (let i = 0; i < CASES; i++) {
    const seed = seeds[Math.floor(random() * seeds.length)] ?? [];
    const text = asText(mutate(seed, seeds, random));
    const startedAt = performance.now();
    try {
      const before = loadMesh([{ path: 'a.yaml', text: asText(seed) }]);
      for (const previous of [undefined, before]) {
        const loaded = loadMesh([{ path: 'a.yaml', text }], previous);
        for (const d of loaded.diagnostics)
          assert.ok(d.file === 'a.yaml' && d.line >= 1 && d.column >= 1 && d.message !== '', JSON.stringify(d));
        travel(loaded);
      }
      assert.ok(performance.now() - startedAt < TIME_BOUND_MS, `${performance.now() - startedAt} ms`);
    } catch (error) {
      throw new Error(`case ${i} of seed ${SEED}: ${(error as Error).message.slice(0, 2000)}\n${text.slice(0, 6000)}`, {
        cause: error,
      });
    }
  }
});
