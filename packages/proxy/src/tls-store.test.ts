import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, TLSSocket } from 'node:tls';
import type { TlsContextConfig } from '@weft/traffic/runtime-config';
import { spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { WorkloadTlsStore } from './tls-store.ts';

test('before the first certificate there is no context: TLS connections are refused', () => {
  const store = new WorkloadTlsStore('cluster.local');
  assert.equal(store.server(tlsConfig()), null);
  assert.equal(store.client(tlsConfig()), null);
});

test('a secret that never comes, or roots left out, give no context either', () => {
  const store = new TestMesh().store('a');
  assert.equal(store.server(tlsConfig({ certificateSecret: 'kubernetes://other' })), null);
  assert.equal(store.client(tlsConfig({ validationSecret: 'file-root:x' })), null);
  assert.equal(store.client(tlsConfig({ validationSecret: '' })), null, 'would trust the system’s roots');
  assert.equal(store.server(tlsConfig({ validationSecret: '' })), null, 'would take any client certificate');
  assert.equal(store.server(tlsConfig({ certificateSecret: '' })), null);
});

test('contexts are shared and replaced by a rotation, of which is told', () => {
  const mesh = new TestMesh();
  const store = mesh.store('a');
  let rotations = 0;
  store.onRotated(() => rotations++);
  const first = store.server(tlsConfig());
  assert.ok(first);
  assert.equal(store.server(tlsConfig({ sni: 'other' }))?.secureContext, first.secureContext);
  assert.notEqual(
    store.server(tlsConfig({ requireClientCertificate: false }))?.secureContext,
    first.secureContext,
    'sessions without a client certificate must not be resumed where one is required',
  );
  store.use(mesh.credentials('a'));
  assert.equal(rotations, 1);
  assert.notEqual(store.server(tlsConfig())?.secureContext, first.secureContext);
});

test('a peer is known by exactly one SPIFFE id of the trust domain, and one that is accepted', () => {
  const store = new TestMesh().store('a');
  const verify = (config: TlsContextConfig, ...sans: string[]): string | undefined =>
    store.server(config)?.verifyPeer(sans);
  const any = tlsConfig();
  assert.equal(verify(any, spiffe('b')), spiffe('b'));
  for (const sans of [
    [],
    [spiffe('b'), spiffe('c')],
    ['spiffe://other.domain/ns/default/sa/b'],
    ['https://cluster.local/ns/default/sa/b'],
    ['spiffe://cluster.local/ns/default/sa/b/more'],
    ['spiffe://cluster.local.evil/ns/default/sa/b'],
  ])
    assert.equal(verify(any, ...sans), '', JSON.stringify(sans));
  const exact = tlsConfig({ peerSans: [{ exact: spiffe('b') }] });
  assert.equal(verify(exact, spiffe('b')), spiffe('b'));
  assert.equal(verify(exact, spiffe('bb')), '');
  const prefix = tlsConfig({ peerSans: [{ prefix: 'spiffe://cluster.local/ns/default/' }] });
  assert.equal(verify(prefix, spiffe('b')), spiffe('b'));
  assert.equal(verify(prefix, 'spiffe://cluster.local/ns/other/sa/b'), '');
  assert.equal(verify(tlsConfig({ peerSans: [{ prefix: '' }] }), spiffe('b')), '', 'an empty prefix accepts nobody');
});

/** What a client of one store sees of a server of another. */
const handshake = async (t: TestContext, server: WorkloadTlsStore, client: WorkloadTlsStore) => {
  const sockets: TLSSocket[] = [];
  const listening = createServer((socket) => {
    const { secureContext } = server.server(tlsConfig()) ?? {};
    const accepted = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      requestCert: true,
      rejectUnauthorized: false,
    });
    accepted.on('error', () => {});
    sockets.push(accepted);
  });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { secureContext } = client.client(tlsConfig()) ?? {};
  const { port } = listening.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', secureContext, rejectUnauthorized: false });
  t.after(() => {
    for (const each of [socket, ...sockets]) each.destroy();
    listening.close();
  });
  await once(socket, 'secureConnect');
  return { trusted: socket.authorizationError?.toString() ?? 'yes', protocol: socket.getProtocol() };
};

test('two workloads of a mesh shake hands over TLS 1.3; a stranger to its roots is found out', async (t) => {
  const mesh = new TestMesh();
  const seen = await handshake(t, mesh.store('a'), mesh.store('b'));
  // Names are SPIFFE ids: `verifyPeer` looks at them, not Node.
  assert.match(seen.trusted, /ERR_TLS_CERT_ALTNAME/);
  assert.equal(seen.protocol, 'TLSv1.3');
  const stranger = new TestMesh().store('a');
  assert.match((await handshake(t, stranger, mesh.store('b'))).trusted, /SELF_SIGNED|UNABLE_TO/);
});
