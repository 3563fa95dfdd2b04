import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { PeerNames } from '@weft/traffic/tls-config';
import { encodePeerMetadata } from './headers/peer-metadata.ts';
import { startListener } from './stack.ts';
import { http1AppOnly, speaksHttp2 } from './testing/application-version.ts';
import { http1Only } from './testing/client-version.ts';
import { chain, forwardTo, labels, listener, manager, table, TestContext } from './testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { TestApp, TestClient } from './testing/peers.ts';
import type { HostPool } from './upstream/host-pool.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const get = 'GET / HTTP/1.1\r\nHost: b\r\nX-Envoy-Peer-Metadata: forged\r\n\r\n';

/** client → sidecar of a → mTLS → sidecar of b → app */
const twoSidecars = async (
  options: { permissive?: boolean; mesh?: TestMesh; aMesh?: TestMesh; aSans?: string; bSans?: string } = {},
) => {
  const mesh = options.mesh ?? new TestMesh();
  const app = await TestApp.start();
  closers.push(() => app.close());
  const b = new TestContext();
  const bStore = mesh.store('b');
  b.tlsStore = bStore;
  b.addCluster('inbound|80||', [app.port]);
  const http = manager(table(forwardTo('inbound|80||')), { forwardClientCert: 'sanitize_set' });
  const server = tlsConfig({
    sni: '',
    ...(speaksHttp2() && { alpn: ['h2', 'http/1.1', 'istio'] }),
    peerSans: options.bSans ? [named(options.bSans)] : [],
  });
  const mtlsChain = {
    ...chain(http, server),
    match: {
      destinationRanges: [],
      transportProtocol: 'tls' as const,
      applicationProtocols: ['istio'],
      serverNames: [],
    },
  };
  const plain = {
    ...chain(http),
    match: {
      destinationRanges: [],
      transportProtocol: 'raw_buffer' as const,
      applicationProtocols: [],
      serverNames: [],
    },
  };
  const inboundConfig = listener(http, {
    direction: 'inbound',
    inspectTls: true,
    filterChains: options.permissive ? [mtlsChain, plain] : [mtlsChain],
  });
  const inbound = await startListener(inboundConfig, b);
  closers.push(() => inbound.close(false));
  const a = new TestContext();
  Object.assign(a, {
    peerMetadata: encodePeerMetadata({
      NAMESPACE: 'default',
      WORKLOAD_NAME: 'a',
      CLUSTER_ID: 'Kubernetes',
      LABELS: { app: 'a', version: 'v1' },
    }),
  });
  const aStore = (options.aMesh ?? mesh).store('a');
  a.tlsStore = aStore;
  const endpoint = {
    address: '127.0.0.1',
    port: inbound.port,
    weight: 1,
    healthy: true,
    region: '',
    zone: '',
    workload: 'b-v1;default;b;v1;Kubernetes',
    transportSocketLabels: {},
  };
  a.addCluster('b', [endpoint], {
    tls: tlsConfig({
      peerSans: [named(options.aSans ?? spiffe('b'))],
      ...(speaksHttp2() && { alpn: ['istio', 'h2', 'http/1.1'] }),
    }),
    ...(speaksHttp2() && { protocol: 'auto' as const }),
  });
  const outbound = await startListener(listener(manager(table(forwardTo('b')))), a);
  closers.push(() => outbound.close(false));
  const client = (port = outbound.port): TestClient => {
    const c = new TestClient(port);
    closers.push(() => c.socket.destroy());
    return c;
  };
  return { mesh, app, a, b, aStore, bStore, inbound, inboundConfig, outbound, client, plain, mtlsChain };
};

describe('two sidecars', () => {
  it('speak mutual TLS; the application learns who calls, both report the same', async () => {
    const { app, a, b, client } = await twoSidecars();
    const c = client();
    for (let i = 0; i < 2; i++) {
      c.received = '';
      assert.match(await c.send(get).until(/ok$/), /^HTTP\/1\.1 200 /);
    }
    const { headers } = app.requests[0]!;
    assert.match(
      String(headers['x-forwarded-client-cert']),
      /^By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a$/,
    );
    assert.equal(headers['x-envoy-peer-metadata'], undefined, 'taken out before the application');
    assert.equal(headers['x-envoy-peer-metadata-id'], undefined);
    const [destination] = b.requestLabels;
    assert.equal(destination!.reporter, 'destination');
    assert.deepEqual(destination!.source, labels('a'));
    assert.equal(destination!.sourcePrincipal, spiffe('a'));
    assert.equal(destination!.connectionSecurityPolicy, 'mutual_tls');
    const [source] = a.requestLabels;
    assert.equal(source!.reporter, 'source');
    assert.equal(source!.destination.workload, 'b-v1');
    assert.equal(source!.destinationPrincipal, spiffe('b'));
    assert.equal(a.requestLabels.length, 1);
    assert.equal(b.requestLabels.length, 1);
    assert.equal(b.records[0]!.requestedServerName, 'outbound_.80_._.b.default.svc.cluster.local');
  });

  it('STRICT refuses plaintext, PERMISSIVE takes both', async () => {
    const strict = await twoSidecars();
    assert.equal(await strict.client(strict.inbound.port).send(get).end(), '');
    assert.equal(strict.app.requests.length, 0);
    const permissive = await twoSidecars({ permissive: true });
    await permissive.client(permissive.inbound.port).send(get).until(/ok$/);
    await permissive.client().send(get).until(/ok$/);
    assert.deepEqual(
      permissive.b.requestLabels.map((l) => l.connectionSecurityPolicy),
      ['none', 'mutual_tls'],
    );
    assert.equal(permissive.app.requests[0]!.headers['x-forwarded-client-cert'], undefined);
    assert.equal(permissive.b.requestLabels[0]!.source.workload, 'unknown', 'plaintext peers cannot say who they are');
  });

  it('a change to STRICT ends the plaintext connections that are there', async () => {
    const { inbound, inboundConfig, mtlsChain, client } = await twoSidecars({ permissive: true });
    const plain = client(inbound.port);
    await plain.send(get).until(/ok$/);
    const secured = client();
    await secured.send(get).until(/ok$/);
    inbound.update({ ...inboundConfig, filterChains: [mtlsChain] });
    await plain.end();
    secured.received = '';
    await secured.send(get).until(/ok$/);
  });

  it('a client of another authority is refused', async () => {
    const { app, client } = await twoSidecars({ aMesh: new TestMesh() });
    assert.match(
      await client()
        .send(get)
        .until(/\r\n\r\n/),
      /^HTTP\/1\.1 503 /,
    );
    assert.equal(app.requests.length, 0);
  });

  for (const expired of ['client', 'server'] as const) {
    it(`a ${expired} whose certificate has ended is refused`, async () => {
      const { mesh, app, aStore, bStore, client } = await twoSidecars();
      if (expired === 'client') aStore.use(mesh.credentials('a', 0));
      else bStore.use(mesh.credentials('b', 0));
      assert.match(
        await client()
          .send(get)
          .until(/\r\n\r\n/),
        /^HTTP\/1\.1 503 /,
      );
      assert.equal(app.requests.length, 0);
    });
  }

  it('a session is no way around the end of a certificate, on either side', http1Only(), async () => {
    for (const expired of ['client', 'server'] as const) {
      const { mesh, app, a, aStore, bStore, client } = await twoSidecars();
      if (expired === 'client') aStore.use(mesh.credentials('a', 2000));
      else bStore.use(mesh.credentials('b', 2000));
      const ask = (): Promise<string> =>
        client()
          .send(get)
          .until(/\r\n\r\n/);
      assert.match(await ask(), /^HTTP\/1\.1 200 /);
      const pool = a.clustersByName.get('b')!.hosts[0]!.pool as HostPool;
      await new Promise((resolve) => setTimeout(resolve, 2100));
      pool.drain(false);
      assert.match(await ask(), /^HTTP\/1\.1 503 /, expired);
      assert.equal(app.requests.length, 1);
    }
  });

  it('a server that is not who it should be is refused', async () => {
    const { app, a, client } = await twoSidecars({ aSans: spiffe('somebody-else') });
    assert.match(
      await client()
        .send(get)
        .until(/remote connection failure$/),
      /^HTTP\/1\.1 503 /,
    );
    assert.equal(app.requests.length, 0);
    assert.equal(a.records[0]!.responseFlags, 'UF');
    assert.match(a.records[0]!.responseCodeDetails, /\|TLS_error:\|certificate_verify_failed:_SAN_matcher\}$/);
  });

  it('a client whose name is not accepted is refused', async () => {
    const { app, client } = await twoSidecars({ bSans: spiffe('only-me') });
    assert.match(
      await client()
        .send(get)
        .until(/\r\n\r\n/),
      /^HTTP\/1\.1 503 /,
    );
    assert.equal(app.requests.length, 0);
  });

  it('a TLS client without a certificate gets nowhere', async () => {
    const { app, mesh, inbound } = await twoSidecars();
    const socket = tlsConnect({
      port: inbound.port,
      host: '127.0.0.1',
      ca: mesh.root.certificatePem,
      ALPNProtocols: ['istio'],
      checkServerIdentity: () => undefined,
    });
    const c = new TestClient(0, socket);
    closers.push(() => socket.destroy());
    assert.equal(await c.send(get).end(), '');
    assert.equal(app.requests.length, 0);
  });

  it('a forged client certificate chain is refused even if Node would go on', async () => {
    const { app, mesh, inbound } = await twoSidecars();
    const stranger = new TestMesh().credentials('a');
    const socket = tlsConnect({
      port: inbound.port,
      host: '127.0.0.1',
      ca: mesh.root.certificatePem,
      cert: stranger.chainPem,
      key: stranger.privateKeyPem,
      ALPNProtocols: ['istio'],
      checkServerIdentity: () => undefined,
    });
    const c = new TestClient(0, socket);
    closers.push(() => socket.destroy());
    assert.equal(await c.send(get).end(), '');
    assert.equal(app.requests.length, 0);
  });

  it('after a rotation new connections use the new certificate', async () => {
    const { a, aStore, bStore, mesh, app, client } = await twoSidecars();
    const hashes = async (): Promise<string> => {
      await client().send(get).until(/ok$/);
      return /Hash=([0-9a-f]+)/.exec(String(app.requests.at(-1)!.headers['x-forwarded-client-cert']))![1]!;
    };
    const first = await hashes();
    const host = a.clustersByName.get('b')!.hosts[0]!;
    assert.equal(a.clustersByName.get('b')!.activeConnections, 1);
    aStore.onRotated(() => a.rotated.forEach((fn) => fn()));
    aStore.use(mesh.credentials('a'));
    bStore.use(mesh.credentials('b'));
    const second = await hashes();
    assert.notEqual(first, second);
    assert.equal(host.active, 0);
  });

  it('sessions are resumed, and both sides are still who they are', http1AppOnly(), async () => {
    const { a, b, app, client } = await twoSidecars();
    let verified = 0;
    const verify = b.tlsStore!.server.bind(b.tlsStore);
    b.tlsStore!.server = (config) => {
      const server = verify(config);
      if (server === null) return null;
      const { mesh, asksForCertificate, greeting } = server;
      const contextFor = (name: string) => server.contextFor(name);
      const verifyPeer = (names: PeerNames) => (names.uris.length > 0 && verified++, server.verifyPeer(names));
      return { mesh, asksForCertificate, greeting, contextFor, verifyPeer };
    };
    // More clients at once than there are connections, so that each opens one, after the first left its session.
    await client().send(get).until(/ok$/);
    const clients = Array.from({ length: 8 }, () => client().send(get));
    for (const c of clients) assert.match(await c.until(/ok$/), /^HTTP\/1\.1 200 /);
    assert.equal(new Set(app.requests.map((r) => r.headers['x-forwarded-client-cert'])).size, 1);
    const pool = a.clustersByName.get('b')!.hosts[0]!.pool as HostPool;
    assert.ok(
      [...pool.connections].filter((c) => (c.socket as TLSSocket).isSessionReused()).length > 0,
      'some were resumed',
    );
    assert.equal(verified, pool.connectionCount, 'every connection was verified');
    assert.deepEqual(new Set(a.requestLabels.map((l) => l.destinationPrincipal)), new Set([spiffe('b')]));
  });

  it('bytes that begin like TLS in pieces are recognised', http1Only(), async () => {
    const { inbound, client } = await twoSidecars({ permissive: true });
    const c = client(inbound.port);
    c.socket.setNoDelay(true);
    for (const byte of get) {
      c.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await c.until(/ok$/);
  });
});
