import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { startListener } from './stack.ts';
import { http1Only } from './testing/client-version.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { closedPort, TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = async (config: Parameters<typeof startListener>[0], context: TestContext) => {
  const running = await startListener(config, context);
  closers.push(() => running.close(false));
  return running;
};

const client = (port: number): TestClient => {
  const c = new TestClient(port);
  closers.push(() => c.socket.destroy());
  return c;
};

/** Says hello first and echoes in upper case; ends when the other side does. */
const echo = async (greeting = ''): Promise<TestPeer> => {
  const peer = await TestPeer.start((socket, bytes) => void socket.write(bytes.toString('latin1').toUpperCase()));
  peer.server.on('connection', (socket) => {
    if (greeting) socket.write(greeting);
    socket.on('end', () => socket.end());
  });
  closers.push(() => peer.close());
  return peer;
};

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe('CONNECT', () => {
  it('to a TCP cluster is a tunnel, with what came behind the head, closed by halves', async () => {
    const peer = await echo('hi ');
    const context = new TestContext();
    const cluster = context.addCluster('tcp', [peer.port]);
    const l = await start(listener(manager(table(forwardTo('tcp')), { upgrades: ['connect'] })), context);
    const c = client(l.port).send('CONNECT db.shop:5432 HTTP/1.1\r\nHost: db.shop:5432\r\n\r\nearly');
    await c.until(/^HTTP\/1\.1 200 OK\r\n\r\n.*EARLY$/s);
    c.send(' more');
    await c.until(/MORE$/);
    c.socket.end('last');
    assert.match(await c.end(), /LAST$/);
    await until(() => context.records.length === 1);
    assert.equal(context.records[0]!.method, 'CONNECT');
    assert.equal(context.records[0]!.authority, 'db.shop:5432');
    assert.equal(context.records[0]!.responseFlags, '-');
    // Bytes are no request: Istio's metrics of TCP count them.
    assert.equal(context.requests.length, 0);
    assert.deepEqual(
      context.tcpEvents.map(({ kind, received, sent, flags }) => [kind, received, sent, flags]),
      [
        ['opened', undefined, undefined, undefined],
        ['closed', 14, 17, '-'],
      ],
    );
    assert.equal(context.tcpEvents[0]!.labels.reporter, 'source');
    await until(() => cluster.activeConnections === 0);
    assert.equal(cluster.hosts[0]!.active, 0);
    assert.equal(cluster.activeRequests, 0);
  });

  it('to the listener itself goes on in process: what is inside is HTTP', http1Only(), async () => {
    const app = await TestApp.start();
    closers.push(() => app.close());
    const context = new TestContext();
    context.addCluster('app', [app.port]);
    const own = context.addCluster('self', [1]);
    const tunnel = forwardTo('self', { upgrades: ['connect'] });
    const l = await start(
      listener(manager(table((r) => (r.method === 'CONNECT' ? tunnel : forwardTo('app'))))),
      context,
    );
    Object.assign(own.hosts[0]!, { port: l.port });
    const c = client(l.port).send('CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n');
    await c.until(/^HTTP\/1\.1 200 OK\r\n\r\n$/);
    for (const path of ['/one', '/two']) {
      c.received = '';
      await c.send(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`).until(/ok$/);
    }
    assert.deepEqual(
      app.requests.map((r) => r.url),
      ['/one', '/two'],
    );
    assert.equal(own.hosts[0]!.active, 0);
  });

  it('to a closed port is a 503, and without leave a 403', async () => {
    const context = new TestContext();
    context.addCluster('tcp', [await closedPort()]);
    const l = await start(listener(manager(table(forwardTo('tcp')), { upgrades: ['connect'] })), context);
    await client(l.port)
      .send('CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n')
      .until(/^HTTP\/1\.1 503 /);
    const strict = await start(listener(manager(table(forwardTo('tcp')))), context);
    await client(strict.port)
      .send('CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n')
      .until(/^HTTP\/1\.1 403 /);
  });
});

describe('an upgrade to WebSocket', () => {
  it('passes where the route allows, and ends when the application does', async () => {
    const peer = await TestPeer.start((socket, bytes) => {
      if (bytes.includes('HTTP/1.1\r\n')) {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nfirst',
        );
      } else socket.end(`got ${bytes.toString('latin1')}`);
    });
    closers.push(() => peer.close());
    const context = new TestContext();
    const cluster = context.addCluster('ws', [peer.port]);
    const l = await start(listener(manager(table(forwardTo('ws', { upgrades: ['websocket'] })))), context);
    const c = client(l.port).send('GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n');
    const head = await c.until(/first$/);
    assert.match(head, /^HTTP\/1\.1 101 [^]*\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nfirst$/);
    assert.match(peer.received, /connection: upgrade\r\nupgrade: websocket\r\n/);
    c.send('ping');
    assert.match(await c.end(), /got ping$/);
    c.socket.end();
    await until(() => context.records.length === 1);
    assert.equal(context.records[0]!.responseCode, 101);
    await until(() => cluster.activeConnections === 0);
    assert.equal(cluster.hosts[0]!.active, 0);
  });
});

describe('a TCP proxy', http1Only(), () => {
  const tcp = (clusters: string[] = ['tcp'], over = {}) => ({
    kind: 'tcp' as const,
    statPrefix: 'tcp',
    clusters: clusters.map((name) => ({ name, weight: 1 })),
    idleTimeoutMs: 3_600_000,
    maxConnectionDurationMs: 0,
    maxConnectAttempts: 1,
    accessLog: [{ path: '/dev/stdout', format: null }],
    ...over,
  });

  it('passes bytes both ways, the server speaking first, and half-closes', async () => {
    const peer = await echo('220 ready ');
    const context = new TestContext();
    const cluster = context.addCluster('tcp', [peer.port]);
    const l = await start(listener(tcp()), context);
    const c = client(l.port);
    await c.until(/^220 ready $/);
    c.socket.end('helo');
    assert.equal(await c.end(), '220 ready HELO');
    await until(() => context.records.length === 1);
    assert.deepEqual(
      context.tcpEvents.map(({ kind, received, sent }) => [kind, received, sent]),
      [
        ['opened', undefined, undefined],
        ['closed', 4, 14],
      ],
    );
    assert.equal(cluster.hosts[0]!.active, 0);
    assert.equal(cluster.activeConnections, 0);
  });

  it('goes through mutual TLS between sidecars, and a policy can refuse the caller', async () => {
    const mesh = new TestMesh();
    const peer = await echo();
    const b = new TestContext();
    b.tlsStore = mesh.store('b');
    b.addCluster('inbound', [peer.port]);
    let allowed = true;
    const mtls = {
      ...chain(tcp(['inbound']), tlsConfig({ sni: '' })),
      networkAuthorizers: [
        {
          check: (view: { peerPrincipal: string }) => ({
            allowed: allowed && view.peerPrincipal === spiffe('a'),
            policy: '',
          }),
        },
      ],
    };
    const inbound = await start(listener(tcp(), { direction: 'inbound', inspectTls: true, filterChains: [mtls] }), b);
    const a = new TestContext();
    a.tlsStore = mesh.store('a');
    a.addCluster('tcp', [inbound.port], { tls: tlsConfig({ peerSans: [named(spiffe('b'))] }) });
    const outbound = await start(listener(tcp()), a);
    const c = client(outbound.port).send('secret');
    await c.until(/^SECRET$/);
    c.socket.end();
    await c.end();
    await until(() => b.tcpEvents.length === 2);
    assert.equal(b.tcpEvents[0]!.labels.connectionSecurityPolicy, 'mutual_tls');
    assert.equal(b.tcpEvents[0]!.labels.sourcePrincipal, spiffe('a'));
    assert.equal(b.tcpEvents[0]!.labels.source.namespace, 'default');
    allowed = false;
    assert.equal(await client(outbound.port).send('secret').end(), '');
    assert.equal(peer.received, 'secret');
  });

  it('tries another endpoint, and gives up with UF', async () => {
    const peer = await echo();
    const context = new TestContext();
    const closed = await closedPort();
    context.addCluster('tcp', [closed, peer.port]);
    context.addCluster('none', [closed]);
    const l = await start(listener(tcp(['tcp'], { maxConnectAttempts: 2 })), context);
    await client(l.port).send('x').until(/X/);
    const dead = await start(listener(tcp(['none'])), context);
    assert.equal(await client(dead.port).send('x').end(), '');
    assert.equal(context.records.at(-1)!.responseFlags, 'UF');
    assert.equal(context.tcpEvents.at(-1)!.flags, 'UF');
    const { stats } = context.clusters.get('none')!;
    assert.deepEqual([stats.upstream_cx_total, stats.upstream_cx_connect_fail], [1, 1]);
  });

  it('closes when nothing moves for the idle timeout', async () => {
    const clock = new FakeClock();
    const peer = await echo('hi');
    const context = new TestContext(clock);
    context.addCluster('tcp', [peer.port]);
    const l = await start(listener(tcp(['tcp'], { idleTimeoutMs: 1000 })), context);
    const c = client(l.port);
    await c.until(/hi/);
    await clock.advance(900);
    c.received = '';
    await c.send('a').until(/A/);
    await clock.advance(900);
    assert.equal(c.ended, false);
    await clock.advance(200);
    await c.end();
  });

  it('does not gather what the other side does not read', async () => {
    const peer = await TestPeer.start(() => {});
    closers.push(() => peer.close());
    peer.server.on('connection', (socket) => socket.pause());
    const context = new TestContext();
    context.addCluster('tcp', [peer.port]);
    const l = await start(listener(tcp()), context);
    const c = client(l.port);
    const chunk = 'x'.repeat(64 * 1024);
    let sent = 0;
    let quiet = 0;
    while (quiet < 2000 && sent < 512 * 1024 * 1024) {
      if (c.socket.writableNeedDrain) {
        quiet++;
        await new Promise((resolve) => setImmediate(resolve));
      } else {
        quiet = 0;
        c.send(chunk);
        sent += chunk.length;
      }
    }
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes taken though nobody reads`);
  });
});
