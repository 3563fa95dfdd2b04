// In a process of its own: a gRPC client reads its bootstrap once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { register, XdsChannelCredentials } from '@grpc/grpc-js-xds';
import { needs } from '@weft/testkit/require';
import { PORT, startEchoMesh } from './echo-mesh.ts';
import { call } from './echo-servers.ts';

test('a proxyless gRPC client calls servers that take nobody without a certificate of the mesh', {
  skip: needs('linux'),
}, async (t) => {
  const mesh = await startEchoMesh(t, { mutualTls: true });
  process.env.GRPC_XDS_BOOTSTRAP = mesh.bootstrapPath;
  register();
  const client = new Client(`xds:///echo:${PORT}`, new XdsChannelCredentials(credentials.createInsecure()));
  t.after(() => client.close());
  assert.equal(await call(client), 'v1', mesh.said.join('\n'));
});
