// The control plane against a client that nobody here wrote: gRPC without a proxy, as Node services have it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { needs } from '@weft/testkit/require';
import { startEchoMesh, PORT } from './echo-mesh.ts';
import { call } from './echo-servers.ts';

const DEADLINE_MS = 30_000;

/** Which share of so many calls v2 answers. */
const shareOfV2 = async (client: Client, calls: number): Promise<number> => {
  let v2 = 0;
  for (let i = 0; i < calls; i++) if ((await call(client)) === 'v2') v2++;
  return v2 / calls;
};

test('a proxyless gRPC client follows the weights of a VirtualService as they change', {
  skip: needs('linux'),
}, async (t) => {
  const mesh = await startEchoMesh(t);
  process.env.GRPC_XDS_BOOTSTRAP = mesh.bootstrapPath;
  register();
  for (const target of [`echo.default.svc.cluster.local:${PORT}`, `echo:${PORT}`]) {
    const client = new Client(`xds:///${target}`, credentials.createInsecure());
    t.after(() => client.close());
    const deadline = Date.now() + DEADLINE_MS;
    for (const [v1, v2] of [
      [100, 0],
      [0, 100],
    ] as const) {
      mesh.route(v1, v2);
      while ((await shareOfV2(client, 20)) !== v2 / 100) assert.ok(Date.now() < deadline, mesh.said.join('\n'));
    }
    mesh.route(75, 25);
    while ((await shareOfV2(client, 20)) === 1) assert.ok(Date.now() < deadline, mesh.said.join('\n'));
    const share = await shareOfV2(client, 600);
    // Five standard deviations of 600 calls at 25 %.
    assert.ok(Math.abs(share - 0.25) < 0.09, `${share} of the calls`);
  }
  assert.ok(!mesh.said.some((line) => line.includes('WEFT0401')), mesh.said.join('\n'));
});
