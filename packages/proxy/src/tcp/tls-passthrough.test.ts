import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext as Test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { listener as compileListener } from '@weft/traffic/compile/listener';
import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import { startListener } from '../stack.ts';
import { TestContext } from '../testing/data-path.ts';
import { TestMesh } from '../testing/identities.ts';
import { TestClient } from '../testing/peers.ts';

/** A TLS server of its own, which says its name and what it was asked for. */
const tlsServer = async (t: Test, mesh: TestMesh, name: string): Promise<number> => {
  const { chainPem, privateKeyPem } = mesh.credentials(name);
  const server = createServer({ cert: chainPem, key: privateKeyPem }, (socket) => {
    socket.on('error', () => {});
    socket.end(`${name} ${(socket as unknown as { servername: string }).servername}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
};

const tcpTo = (cluster: string) => [
  {
    name: 'tcp_proxy',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      statPrefix: cluster,
      cluster,
    },
  },
];

const byName: Listener = {
  name: 'tls',
  address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
  trafficDirection: 'OUTBOUND',
  listenerFilters: [
    {
      name: 'tls_inspector',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
      },
    },
  ],
  filterChains: [
    { name: 'a', filterChainMatch: { serverNames: ['a.example.com'] }, filters: tcpTo('a') },
    { name: 'wild', filterChainMatch: { serverNames: ['*.example.com'] }, filters: tcpTo('b') },
  ],
};

describe('TLS passed through by server name', () => {
  it('reaches the server of that name with its own certificate; without such a name it is closed', async (t) => {
    const mesh = new TestMesh();
    const context = new TestContext();
    for (const name of ['a', 'b']) context.addCluster(name, [await tlsServer(t, mesh, name)]);
    const running = await startListener(compileListener(byName), context);
    t.after(() => running.close(false));
    const ask = async (servername?: string): Promise<string> => {
      const socket = connect({
        port: running.port,
        host: '127.0.0.1',
        ca: mesh.root.certificatePem,
        checkServerIdentity: () => undefined,
        ...(servername !== undefined && { servername }),
      });
      t.after(() => socket.destroy());
      return new TestClient(0, socket).end();
    };
    assert.equal(await ask('a.example.com'), 'a a.example.com');
    assert.equal(await ask('A.EXAMPLE.com'), 'a A.EXAMPLE.com');
    assert.equal(await ask('x.example.com'), 'b x.example.com');
    assert.equal(await ask('example.com'), '');
    assert.equal(await ask(), '');
  });
});
