import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, TLSSocket } from 'node:tls';
import type { TlsContextConfig } from '@weft/traffic/runtime-config';
import { noNames } from '@weft/traffic/tls-config';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { WorkloadTlsStore } from './tls-store.ts';

test('before the first certificate there is no context: TLS connections are refused', () => {
  const store = new WorkloadTlsStore('cluster.local');
  assert.equal(store.server(tlsConfig()), null);
  assert.equal(store.client(tlsConfig()), null);
});

test('a secret that never comes, or roots left out, give no context either', () => {
  const store = new TestMesh().store('a');
  assert.equal(store.server(tlsConfig({ certificates: [{ kind: 'secret', name: 'kubernetes://other' }] })), null);
  assert.equal(store.client(tlsConfig({ roots: { kind: 'secret', name: 'file-root:x' } })), null);
  assert.equal(store.server(tlsConfig({ certificates: [] })), null);
});

test('contexts are shared and replaced by a rotation, of which is told', () => {
  const mesh = new TestMesh();
  const store = mesh.store('a');
  let rotations = 0;
  store.onRotated(() => rotations++);
  const first = store.server(tlsConfig());
  assert.ok(first);
  assert.equal(store.server(tlsConfig({ sni: 'other' }))?.contextFor(''), first.contextFor(''));
  assert.notEqual(
    store.server(tlsConfig({ requireClientCertificate: false }))?.contextFor(''),
    first.contextFor(''),
    'sessions without a client certificate must not be resumed where one is required',
  );
  store.use(mesh.credentials('a'));
  assert.equal(rotations, 1);
  assert.notEqual(store.server(tlsConfig())?.contextFor(''), first.contextFor(''));
});

test('a peer is known by exactly one SPIFFE id of the trust domain, and one that is accepted', () => {
  const store = new TestMesh().store('a');
  const verify = (config: TlsContextConfig, ...uris: string[]): string | null | undefined =>
    store.server(config)?.verifyPeer({ ...noNames, uris });
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
    assert.equal(verify(any, ...sans), null, JSON.stringify(sans));
  const exact = tlsConfig({ peerSans: [named(spiffe('b'))] });
  assert.equal(verify(exact, spiffe('b')), spiffe('b'));
  assert.equal(verify(exact, spiffe('bb')), null);
  const prefix = tlsConfig({ peerSans: [named('spiffe://cluster.local/ns/default/', 'prefix')] });
  assert.equal(verify(prefix, spiffe('b')), spiffe('b'));
  assert.equal(verify(prefix, 'spiffe://cluster.local/ns/other/sa/b'), null);
});

/** What a client of one store sees of a server of another. */
const handshake = async (t: TestContext, server: WorkloadTlsStore, client: WorkloadTlsStore) => {
  const sockets: TLSSocket[] = [];
  const listening = createServer((socket) => {
    const secureContext = server.server(tlsConfig())?.contextFor('');
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
