import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext as Test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { FakeClock } from '@weft/testkit/fake-clock';
import { startListener } from '../stack.ts';
import { chain, listener, TestContext } from '../testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from '../testing/identities.ts';
import { TestClient, TestPeer } from '../testing/peers.ts';
import { peerGreeting } from './peer-exchange.ts';

const tcp = (clusters: readonly { name: string; weight: number }[] = [{ name: 'tcp', weight: 1 }], over = {}) => ({
  kind: 'tcp' as const,
  statPrefix: 'tcp',
  clusters,
  idleTimeoutMs: 3_600_000,
  maxConnectionDurationMs: 0,
  maxConnectAttempts: 1,
  accessLog: [{ path: '/dev/stdout', format: null }],
  ...over,
});

const start = async (t: Test, config: Parameters<typeof startListener>[0], context: TestContext) => {
  const running = await startListener(config, context);
  t.after(() => running.close(false));
  return running;
};

const client = (t: Test, port: number): TestClient => {
  const c = new TestClient(port);
  t.after(() => c.socket.destroy());
  return c;
};

const echo = async (t: Test, greeting = ''): Promise<TestPeer> => {
  const peer = await TestPeer.start((socket, bytes) => void socket.write(bytes));
  peer.server.on('connection', (socket) => {
    if (greeting) socket.write(greeting);
    socket.on('end', () => socket.end());
  });
  t.after(() => peer.close());
  return peer;
};

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await turn();
};

/** client → sidecar a → mutual TLS → sidecar b → peer; each side offers the given protocols. */
const twoSidecars = async (t: Test, peer: TestPeer, alpnOfA: string[], alpnOfB: string[]) => {
  const mesh = new TestMesh();
  const told = (name: string): Buffer =>
    peerGreeting(`sidecar~${name}`, {
      WORKLOAD_NAME: `${name}-v1`,
      NAMESPACE: 'default',
      CLUSTER_ID: 'Kubernetes',
      LABELS: { app: name, version: 'v1' },
    });
  const b = new TestContext();
  b.tlsStore = mesh.store('b', told('b'));
  b.addCluster('inbound', [peer.port]);
  const mtls = chain(tcp([{ name: 'inbound', weight: 1 }]), tlsConfig({ sni: '', alpn: alpnOfB }));
  const inbound = await start(t, listener(tcp(), { direction: 'inbound', inspectTls: true, filterChains: [mtls] }), b);
  const a = new TestContext();
  a.tlsStore = mesh.store('a', told('a'));
  a.addCluster('tcp', [inbound.port], { tls: tlsConfig({ alpn: alpnOfA, peerSans: [named(spiffe('b'))] }) });
  const outbound = await start(t, listener(tcp()), a);
  return { a, b, outbound };
};

describe('a TCP proxy between sidecars', () => {
  it('loses nothing of what comes with the end of the handshake, before there is an upstream', async (t) => {
    const mesh = new TestMesh();
    const context = new TestContext();
    context.tlsStore = mesh.store('b');
    context.addCluster('inbound', [(await echo(t)).port]);
    const mtls = chain(tcp([{ name: 'inbound', weight: 1 }]), tlsConfig({ sni: '' }));
    const inbound = { direction: 'inbound', inspectTls: true, filterChains: [mtls] } as const;
    const { port } = await start(t, listener(tcp(), inbound), context);
    const { chainPem: cert, privateKeyPem: key, bundle } = mesh.credentials('a');
    const tls = { cert, key, ca: bundle.pem, ALPNProtocols: ['istio'], checkServerIdentity: () => undefined };
    const c = tlsConnect({ host: '127.0.0.1', port, ...tls });
    t.after(() => c.destroy());
    // Node sends it with its last handshake message.
    c.write('bytes');
    assert.equal(String((await once(c, 'data'))[0]), 'bytes');
  });

  it('tells the called side who calls, and no application sees it', async (t) => {
    const peer = await echo(t, 'hello ');
    const { b, outbound } = await twoSidecars(t, peer, ['istio'], ['istio']);
    const c = client(t, outbound.port).send('bytes');
    await c.until(/^hello bytes$/);
    c.socket.end();
    assert.equal(await c.end(), 'hello bytes');
    await until(() => b.tcpEvents.length === 2);
    assert.deepEqual(
      b.tcpEvents.map(({ kind, received, sent, labels }) => [kind, received, sent, labels.source.workload]),
      [
        ['opened', undefined, undefined, 'a-v1'],
        ['closed', 5, 11, 'a-v1'],
      ],
    );
    assert.equal(b.tcpEvents[0]?.labels.source.version, 'v1');
    assert.equal(b.tcpEvents[0]?.labels.sourcePrincipal, spiffe('a'));
    assert.equal(peer.received, 'bytes');
  });

  it('does not hold up a server that speaks first while the client is silent', async (t) => {
    const peer = await echo(t, '220 ready');
    const { outbound } = await twoSidecars(t, peer, ['istio'], ['istio']);
    await client(t, outbound.port).until(/^220 ready$/);
  });

  for (const [who, alpnOfA, alpnOfB] of [
    ['caller', [], ['istio']],
    ['called', ['istio'], []],
  ] as const)
    it(`passes bytes untouched where the ${who} does not know the exchange`, async (t) => {
      const peer = await echo(t, 'hello ');
      const { b, outbound } = await twoSidecars(t, peer, [...alpnOfA], [...alpnOfB]);
      await client(t, outbound.port)
        .send('bytes')
        .until(/^hello bytes$/);
      assert.equal(b.tcpEvents[0]?.labels.source.workload, 'unknown');
      assert.equal(b.tcpEvents[0]?.labels.source.namespace, 'default', 'its identity tells the namespace');
    });
});

describe('a TCP proxy', () => {
  it('shares connections out by weight', async (t) => {
    const peers = [await echo(t, 'one'), await echo(t, 'two'), await echo(t, 'none')];
    const context = new TestContext();
    const points = [0, 0.24, 0.26, 0.99];
    Object.assign(context, { random: () => points.shift() ?? 0 });
    peers.forEach((peer, i) => context.addCluster(`c${i}`, [peer.port]));
    const weighted = tcp([
      { name: 'c0', weight: 25 },
      { name: 'c2', weight: 0 },
      { name: 'c1', weight: 75 },
    ]);
    const l = await start(t, listener(weighted), context);
    const heard: string[] = [];
    for (let i = 0; i < 4; i++) heard.push(await client(t, l.port).until(/one|two|none/));
    assert.deepEqual(heard, ['one', 'one', 'two', 'two']);
  });

  it('counts the bytes of a long connection before it ends, and each byte once', async (t) => {
    const clock = new FakeClock();
    const peer = await echo(t);
    const context = new TestContext(clock);
    context.addCluster('tcp', [peer.port]);
    const l = await start(t, listener(tcp()), context);
    const c = client(t, l.port);
    await c.send('four').until(/four/);
    await clock.advance(15_100);
    await c.send('and more').until(/more/);
    await clock.advance(15_100);
    await clock.advance(15_100);
    await c.send('.').until(/\.$/);
    c.socket.end();
    await c.end();
    await until(() => context.tcpEvents.at(-1)?.kind === 'closed');
    assert.deepEqual(
      context.tcpEvents.map(({ kind, received, sent }) => [kind, received, sent]),
      [
        ['opened', undefined, undefined],
        ['transferred', 4, 4],
        ['transferred', 8, 8],
        ['closed', 1, 1],
      ],
    );
  });

  it('ends a connection that has lasted as long as it may, however busy', async (t) => {
    const clock = new FakeClock();
    const peer = await echo(t);
    const context = new TestContext(clock);
    context.addCluster('tcp', [peer.port]);
    const l = await start(t, listener(tcp(undefined, { maxConnectionDurationMs: 1000 })), context);
    const c = client(t, l.port);
    await c.send('a').until(/a/);
    await clock.advance(900);
    await c.send('b').until(/b/);
    await clock.advance(200);
    await c.end();
    assert.equal(context.records[0]?.responseFlags, 'DT');
  });

  it('passes bulk both ways at once, every byte in order, whatever is slow', async (t) => {
    const received = createHash('sha256');
    const fromServer = randomBytes(24 * 1024 * 1024);
    const fromClient = randomBytes(24 * 1024 * 1024);
    const all = Promise.withResolvers<void>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('end', all.resolve);
      socket.on('data', (bytes: Buffer) => {
        received.update(bytes);
        // Now and then it does not read for a while.
        if (bytes[0] === 0) {
          socket.pause();
          setImmediate(() => socket.resume());
        }
      });
      socket.on('error', () => {});
      socket.end(fromServer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const context = new TestContext();
    context.addCluster('tcp', [(server.address() as AddressInfo).port]);
    const l = await start(t, listener(tcp()), context);
    const socket: Socket = connect({ port: l.port, host: '127.0.0.1', allowHalfOpen: true });
    t.after(() => socket.destroy());
    const heard = createHash('sha256');
    socket.on('data', (bytes: Buffer) => {
      heard.update(bytes);
      if (bytes[0] === 1) {
        socket.pause();
        setImmediate(() => socket.resume());
      }
    });
    const ended = once(socket, 'end');
    for (let at = 0; at < fromClient.length; at += 100_000)
      if (!socket.write(fromClient.subarray(at, at + 100_000))) await once(socket, 'drain');
    socket.end();
    await ended;
    await all.promise;
    await until(() => context.records.length === 1);
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    assert.equal(heard.digest('hex'), digest(fromServer));
    assert.equal(received.digest('hex'), digest(fromClient));
    assert.equal(context.records[0]?.requestBytes, fromClient.length);
    assert.equal(context.records[0]?.responseBytes, fromServer.length);
  });
});
