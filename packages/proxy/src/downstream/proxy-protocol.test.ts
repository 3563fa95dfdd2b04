import assert from 'node:assert/strict';
import { describe, it, type TestContext as Test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { ConnectionView } from '@weft/traffic/request';
import type { ListenerConfig } from '@weft/traffic/runtime-config';
import { writeProxyHeader } from '@weft/wire/proxy-protocol/write-header';
import { startListener } from '../stack.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from '../testing/identities.ts';
import { TestApp, TestClient, TestPeer } from '../testing/peers.ts';

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await turn();
};

const tcp = {
  kind: 'tcp' as const,
  statPrefix: 'tcp',
  clusters: [{ name: 'app', weight: 1 }],
  idleTimeoutMs: 0,
  maxConnectionDurationMs: 0,
  maxConnectAttempts: 1,
  accessLog: [{ path: '/dev/stdout', format: null }],
};

const both = { optional: false, versions: [1, 2] as const };

const start = async (t: Test, over: Partial<ListenerConfig>, context = new TestContext()) => {
  const app = await TestApp.start();
  t.after(() => app.close());
  context.addCluster('app', [app.port]);
  const http = manager(table(forwardTo('app')));
  const views: ConnectionView[] = [];
  const watched = {
    ...chain(http),
    networkAuthorizers: [{ check: (view: ConnectionView) => (views.push(view), { allowed: true, policy: '' }) }],
  };
  const config = listener(http, { inspectorTimeoutMs: 1000, filterChains: [watched], proxyProtocol: both, ...over });
  const running = await startListener(config, context);
  t.after(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    return c;
  };
  return { app, client, views, context, running };
};

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const v1 = 'PROXY TCP4 203.0.113.7 198.51.100.9 4711 443\r\n';
const source = { address: '2001:db8::7', port: 4711 };
const destination = { address: '2001:db8::9', port: 443 };

describe('a listener behind a load balancer that speaks the PROXY protocol', () => {
  it('knows whose connection it is, and the application gets what follows', async (t) => {
    const { app, client, views, context } = await start(t, {});
    assert.match(
      await client()
        .send(v1 + GET)
        .end(),
      /^HTTP\/1\.1 200 /,
    );
    const header = writeProxyHeader(2, source, destination).toString('latin1');
    const slow = client();
    for (const byte of header + GET) {
      slow.send(byte);
      await turn();
    }
    assert.match(await slow.end(), /^HTTP\/1\.1 200 /);
    assert.equal(app.requests.length, 2);
    assert.deepEqual(
      views.map(({ sourceAddress, sourcePort, destinationAddress, destinationPort, directAddress }) => [
        `${sourceAddress} ${sourcePort}`,
        `${destinationAddress} ${destinationPort}`,
        directAddress,
      ]),
      [
        ['203.0.113.7 4711', '198.51.100.9 443', '127.0.0.1'],
        ['2001:db8::7 4711', '2001:db8::9 443', '127.0.0.1'],
      ],
    );
    assert.equal(context.records[0]?.downstreamRemoteAddress, '203.0.113.7:4711');
  });

  it('takes the connection’s own addresses where the header knows none', async (t) => {
    const { client, views } = await start(t, {});
    await client().send(`PROXY UNKNOWN\r\n${GET}`).end();
    await client()
      .send(writeProxyHeader(2, null, null).toString('latin1') + GET)
      .end();
    assert.deepEqual(new Set(views.map((view) => view.sourceAddress)), new Set(['127.0.0.1']));
  });

  it('closes a connection whose header is missing, malformed, or of a version that is not allowed', async (t) => {
    const { app, client, context, running } = await start(t, { proxyProtocol: { optional: false, versions: [2] } });
    for (const bytes of [GET, v1 + GET, `PROXY TCP4 x\r\n${GET}`, `\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0${GET}`])
      assert.equal(await client().send(bytes).end(), '', JSON.stringify(bytes.slice(0, 20)));
    assert.equal(app.requests.length, 0);
    assert.equal(context.stats.listener(`127.0.0.1_${running.port}`).downstream_proxy_protocol_error, 4);
  });

  it('goes on without one only where that is allowed', async (t) => {
    const { client } = await start(t, { proxyProtocol: { optional: true, versions: [1, 2] } });
    assert.match(await client().send(GET).end(), /^HTTP\/1\.1 200 /);
    assert.match(
      await client()
        .send(v1 + GET)
        .end(),
      /^HTTP\/1\.1 200 /,
    );
  });

  it('does not wait for ever for the rest of it, and never goes on without it', async (t) => {
    const clock = new FakeClock();
    const { client, context, running } = await start(t, { continueOnInspectorTimeout: true }, new TestContext(clock));
    const c = client().send('PROXY TCP4 ');
    const stats = context.stats.listener(`127.0.0.1_${running.port}`);
    await until(() => stats.downstream_pre_cx_active === 1);
    await clock.advance(900);
    c.send('203.0.113.7 ');
    await turn();
    await clock.advance(200);
    assert.equal(await c.end(), '');
    assert.equal(stats.downstream_pre_cx_timeout, 1);
  });

  it('looks for TLS and HTTP behind it', async (t) => {
    const context = new TestContext();
    context.tlsStore = new TestMesh().store('b');
    const http = manager(table(forwardTo('app')));
    const mtls = { ...chain(http, tlsConfig()), name: 'mtls' };
    const plain = { ...chain(http), match: { ...chain(http).match, applicationProtocols: ['http/1.1'] } };
    const filterChains = [mtls, plain];
    const { client } = await start(t, { inspectTls: true, inspectHttp: true, filterChains }, context);
    assert.match(
      await client()
        .send(v1 + GET)
        .end(),
      /^HTTP\/1\.1 200 /,
    );
    assert.equal(await client().send(`${v1}\x16\x03\x01\0\x02\x01\0`).send('garbage').end(), '');
  });
});

describe('a cluster that is told whose connections it gets', () => {
  for (const version of [1, 2] as const)
    it(`hears it in version ${version}, first of all`, async (t) => {
      const peer = await TestPeer.start((socket) => void socket.end('ok'));
      t.after(() => peer.close());
      const context = new TestContext();
      context.addCluster('app', [peer.port], { proxyProtocol: version });
      const running = await startListener(listener(tcp), context);
      t.after(() => running.close(false));
      const c = new TestClient(running.port);
      t.after(() => c.socket.destroy());
      await c.send('bytes').end();
      await until(() => peer.received.endsWith('bytes'));
      const { localPort } = c.socket;
      const from = { address: '127.0.0.1', port: localPort ?? 0 };
      const header = writeProxyHeader(version, from, { address: '127.0.0.1', port: running.port });
      assert.equal(peer.received, `${header.toString('latin1')}bytes`);
    });

  it('hears it in the clear, before TLS; a listener of ours understands both', async (t) => {
    const mesh = new TestMesh();
    const peer = await TestPeer.start((socket, bytes) => void socket.end(bytes));
    t.after(() => peer.close());
    const b = new TestContext();
    b.tlsStore = mesh.store('b');
    b.addCluster('app', [peer.port]);
    const config = { inspectTls: true, proxyProtocol: both, filterChains: [chain(tcp, tlsConfig())] };
    const inbound = await startListener(listener(tcp, { direction: 'inbound', ...config }), b);
    t.after(() => inbound.close(false));
    const a = new TestContext();
    a.tlsStore = mesh.store('a');
    const tls = tlsConfig({ peerSans: [named(spiffe('b'))] });
    a.addCluster('app', [inbound.port], { proxyProtocol: 2, tls });
    const outbound = await startListener(listener(tcp), a);
    t.after(() => outbound.close(false));
    const c = new TestClient(outbound.port);
    t.after(() => c.socket.destroy());
    assert.equal(await c.send('bytes').end(), 'bytes');
    const { localPort } = c.socket;
    c.socket.end();
    await until(() => b.records.length === 1);
    assert.equal(b.records[0]?.downstreamRemoteAddress, `127.0.0.1:${localPort}`);
    assert.equal(b.records[0]?.downstreamLocalAddress, `127.0.0.1:${outbound.port}`);
    assert.equal(b.tcpEvents[0]?.labels.sourcePrincipal, spiffe('a'));
  });

  it('that is not there is a failed connection, not a crash', async (t) => {
    const context = new TestContext();
    context.tlsStore = new TestMesh().store('a');
    const server = await TestPeer.start(() => {});
    const { port } = server;
    server.close();
    context.addCluster('app', [port], { proxyProtocol: 1, tls: tlsConfig() });
    const running = await startListener(listener(tcp), context);
    t.after(() => running.close(false));
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    assert.equal(await c.end(), '');
    assert.equal(context.records[0]?.responseFlags, 'UF');
  });

  it('whose connections serve many hears that they are nobody’s', async (t) => {
    const peer = await TestPeer.start((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    t.after(() => peer.close());
    const context = new TestContext();
    context.addCluster('app', [peer.port], { proxyProtocol: 1 });
    const running = await startListener(listener(manager(table(forwardTo('app')))), context);
    t.after(() => running.close(false));
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    await c.send(GET).end();
    assert.match(peer.received, /^PROXY UNKNOWN\r\nGET \/ /);
  });
});
