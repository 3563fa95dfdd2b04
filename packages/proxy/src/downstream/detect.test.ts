import assert from 'node:assert/strict';
import { describe, it, type TestContext as Test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { FilterChainConfig, ListenerConfig } from '@weft/traffic/runtime-config';
import { startListener } from '../stack.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from '../testing/identities.ts';
import { TestClient, TestPeer } from '../testing/peers.ts';

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
  accessLog: [],
};
const http = manager(table(forwardTo('app')));

const matching = (
  of: FilterChainConfig,
  name: string,
  match: Partial<FilterChainConfig['match']>,
): FilterChainConfig => ({
  ...of,
  name,
  match: { ...of.match, ...match },
});

/** A port that does not say what it speaks, as it is translated: HTTP where that shows, else bytes. */
const detecting = (over: Partial<ListenerConfig> = {}): ListenerConfig =>
  listener(http, {
    inspectTls: true,
    inspectHttp: true,
    inspectorTimeoutMs: 1000,
    continueOnInspectorTimeout: true,
    filterChains: [
      matching(chain(http), 'http', {
        transportProtocol: 'raw_buffer',
        applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'],
      }),
      matching(chain(tcp), 'bytes', { transportProtocol: 'raw_buffer' }),
    ],
    ...over,
  });

/** Echoes what is no HTTP, with what it says first. */
const start = async (t: Test, config: ListenerConfig, greeting = '', context = new TestContext()) => {
  const peer = await TestPeer.start((socket, bytes) => {
    const text = bytes.toString('latin1');
    socket.write(text.startsWith('GET ') ? 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' : `<${text}>`);
  });
  peer.server.on('connection', (socket) => greeting && socket.write(greeting));
  t.after(() => peer.close());
  context.addCluster('app', [peer.port]);
  const running = await startListener(config, context);
  t.after(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    return c;
  };
  return { client, context, peer, running, stats: context.stats.listener(`127.0.0.1_${running.port}`) };
};

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('a port that does not say what it speaks', () => {
  it('is HTTP where the first bytes are, whole or in pieces', async (t) => {
    const { client, context } = await start(t, detecting());
    await client()
      .send(GET)
      .until(/^HTTP\/1\.1 200 /);
    const slow = client();
    for (const byte of GET) {
      slow.send(byte);
      await turn();
    }
    await slow.until(/^HTTP\/1\.1 200 /);
    assert.equal(context.requests.length, 2);
    const h2 = client().send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await h2.until(/^\0\0/);
    assert.equal(context.tcpEvents.length, 0);
  });

  it('is bytes where they are something else, at once', async (t) => {
    const { client, context } = await start(t, detecting({ inspectorTimeoutMs: 0 }));
    await client()
      .send('*1\r\n$4\r\nPING\r\n')
      .until(/^<\*1\r\n/);
    await client().send('\0\0\0\x08binary').until(/^<\0/);
    await client()
      .send('GET\r\n')
      .until(/^<GET\r\n>/);
    assert.equal(context.requests.length, 0);
    assert.equal(context.tcpEvents.filter(({ kind }) => kind === 'opened').length, 3);
  });

  it('lets a server speak first when the client stays silent', async (t) => {
    const clock = new FakeClock();
    const { client, stats } = await start(t, detecting({ direction: 'inbound' }), '220 ready', new TestContext(clock));
    const c = client();
    await until(() => stats.downstream_pre_cx_active === 1);
    await clock.advance(1100);
    await c.until(/^220 ready$/);
  });

  it('closes a silent connection where there is nothing to fall back to', async (t) => {
    const clock = new FakeClock();
    const config = detecting({ continueOnInspectorTimeout: false });
    const { client, stats, peer } = await start(t, config, '', new TestContext(clock));
    const c = client().send('GE');
    await until(() => stats.downstream_pre_cx_active === 1);
    await clock.advance(1100);
    assert.equal(await c.end(), '');
    assert.equal(peer.sockets.length, 0);
  });

  it('outbound: learns that servers speak first, by seeing it, and unlearns when a client does', async (t) => {
    const clock = new FakeClock();
    const { client, stats, context } = await start(t, detecting(), '220 ready', new TestContext(clock));
    const first = client();
    await until(() => stats.downstream_pre_cx_active === 1);
    await clock.advance(1100);
    await first.until(/^220 ready$/);
    await client().until(/^220 ready$/);
    assert.equal(stats.downstream_pre_cx_timeout, 1, 'the second did not have to wait');
    // It is bytes once more, for the last time.
    Object.assign(context.clustersByName.get('app')!.hosts[0]!, { port: (await start(t, detecting())).peer.port });
    await client()
      .send(GET)
      .until(/^HTTP\/1\.1 200 /);
    assert.equal(context.requests.length, 0);
    await client()
      .send(GET)
      .until(/^HTTP\/1\.1 200 /);
    await until(() => context.requests.length === 1);
  });

  it('outbound: forgets what it learnt after a while', async (t) => {
    const clock = new FakeClock();
    const { client, stats } = await start(t, detecting(), '220 ready', new TestContext(clock));
    for (const pause of [0, 5 * 60_000]) {
      await clock.advance(pause);
      const c = client();
      await until(() => stats.downstream_pre_cx_active === 1);
      await clock.advance(1100);
      await c.until(/^220 ready$/);
    }
    assert.equal(stats.downstream_pre_cx_timeout, 2);
  });

  it('inbound: never learns, whatever it saw', async (t) => {
    const clock = new FakeClock();
    const { client, stats, context } = await start(
      t,
      detecting({ direction: 'inbound' }),
      '220 ready',
      new TestContext(clock),
    );
    for (let i = 0; i < 2; i++) {
      const c = client();
      await until(() => stats.downstream_pre_cx_active === 1);
      await clock.advance(1100);
      await c.until(/^220 ready$/);
    }
    assert.equal(stats.downstream_pre_cx_timeout, 2);
    await client()
      .send(GET)
      .until(/HTTP|220/);
    await until(() => context.requests.length === 1);
  });
});

describe('a client that takes its time over the TLS handshake', () => {
  it('is closed, whether it says half a hello or none of the rest', async (t) => {
    const mesh = new TestMesh();
    const clock = new FakeClock();
    const context = new TestContext(clock);
    context.tlsStore = mesh.store('b');
    const config = detecting({ filterChains: [chain(http, tlsConfig())], inspectorTimeoutMs: 15_000 });
    const { client, stats, running } = await start(t, config, '', context);
    const half = client().send('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03');
    await until(() => stats.downstream_pre_cx_active === 1);
    await clock.advance(15_100);
    assert.equal(await half.end(), '');
    // A whole hello, as a client of ours sends it, and then silence.
    const hello = await helloOf(t, mesh);
    const mute = client();
    mute.socket.write(hello);
    await mute.until(/^\x16/);
    await clock.advance(10_100);
    await mute.end();
    assert.equal(stats.tls.connection_error, 1);
    assert.ok(running.port > 0);
  });
});

const helloOf = async (t: Test, mesh: TestMesh): Promise<Buffer> => {
  const taken = Promise.withResolvers<Buffer>();
  const peer = await TestPeer.start((_, bytes) => taken.resolve(Buffer.from(bytes)));
  t.after(() => peer.close());
  const a = new TestContext();
  a.tlsStore = mesh.store('a');
  a.addCluster('app', [peer.port], { tls: tlsConfig({ peerSans: [named(spiffe('b'))] }) });
  const running = await startListener(listener(tcp), a);
  t.after(() => running.close(false));
  const c = new TestClient(running.port);
  t.after(() => c.socket.destroy());
  c.send('x');
  return taken.promise;
};
