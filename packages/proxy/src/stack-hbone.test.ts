// HBONE: mutual TLS, HTTP/2, CONNECT; what is inside goes through the listener of the port as if its client had come by itself.
import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect } from 'node:http2';
import { afterEach, describe, it } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import type { Authorizer } from '@weft/traffic/authorize';
import type { FilterChainConfig } from '@weft/traffic/runtime-config';
import { settle } from '@weft/testkit/fake-clock';
import { startListener } from './stack.ts';
import { chain, endpoint, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const until = async (condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !condition(); assert.ok(performance.now() < end, 'never'))
    await settle();
};

/** A pod's listener of a port, STRICT, and its listener for HBONE in front of it. */
const start = async (appPort: number, inner: FilterChainConfig['network'], authorizers: Authorizer[] = []) => {
  const mesh = new TestMesh();
  const context = new TestContext();
  context.tlsStore = mesh.store('b');
  context.addCluster('app', [appPort]);
  context.addCluster('inside', [{ ...endpoint(0), address: 'inner', internalListener: 'inner' }]);
  const tls = tlsConfig({ sni: '', alpn: ['h2'] });
  const strict = { ...chain(inner, tlsConfig({ sni: '' })), networkAuthorizers: authorizers };
  const config = listener(inner, { name: 'inner', direction: 'inbound', inspectTls: true, filterChains: [strict] });
  const innerListener = await startListener(config, context);
  closers.push(() => innerListener.close(false));
  const connectOnly = table((r) =>
    r.method === 'CONNECT' && r.authority === '10.0.0.1:8080' ? forwardTo('inside') : null,
  );
  const outer = manager(connectOnly, { statPrefix: 'hbone', upgrades: ['connect'], accessLog: [] });
  const hbone = await startListener(
    listener(outer, { name: 'hbone', direction: 'inbound', inspectTls: true, filterChains: [chain(outer, tls)] }),
    context,
  );
  closers.push(() => hbone.close(false));
  const { chainPem, privateKeyPem } = mesh.credentials('a');
  const session = (): ClientHttp2Session => {
    const s = connect('https://pod', {
      createConnection: () =>
        tlsConnect({
          port: hbone.port,
          host: '127.0.0.1',
          cert: chainPem,
          key: privateKeyPem,
          rejectUnauthorized: false,
          ALPNProtocols: ['h2'],
        }),
    });
    s.on('error', () => {});
    closers.push(() => s.destroy());
    return s;
  };
  /** A tunnel to a port of the pod, once it is open; its status otherwise. */
  const tunnel = async (authority = '10.0.0.1:8080'): Promise<TestClient | number> => {
    const stream = session().request({ ':method': 'CONNECT', ':authority': authority });
    stream.on('error', () => {});
    const status = await new Promise<number>((resolve) => {
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('close', () => resolve(0));
    });
    return status === 200 ? new TestClient(0, stream as never) : status;
  };
  return { context, tunnel, innerListener };
};

const open = async (tunnel: Promise<TestClient | number>): Promise<TestClient> => {
  const opened = await tunnel;
  assert.ok(opened instanceof TestClient, 'the tunnel is open');
  return opened;
};

describe('HBONE', () => {
  it('brings requests to a port with the caller’s identity; they count once, where they go', async () => {
    const app = await TestApp.start();
    closers.push(() => app.close());
    const inner = manager(table(forwardTo('app')), { forwardClientCert: 'sanitize_set' });
    const { context, tunnel, innerListener } = await start(app.port, inner);
    const c = await open(tunnel());
    for (const path of ['/one', '/two']) {
      c.received = '';
      assert.match(await c.send(`GET ${path} HTTP/1.1\r\nHost: b\r\n\r\n`).until(/ok$/), /^HTTP\/1\.1 200/);
    }
    assert.deepEqual(
      app.requests.map((r) => r.url),
      ['/one', '/two'],
    );
    assert.match(String(app.requests[0]!.headers['x-forwarded-client-cert']), new RegExp(`URI=${spiffe('a')}`));
    assert.equal(context.requests.length, 2);
    assert.equal(context.requestLabels[0]!.sourcePrincipal, spiffe('a'));
    assert.equal(context.requestLabels[0]!.connectionSecurityPolicy, 'mutual_tls');
    assert.equal(context.tcpEvents.length, 0);
    assert.match(context.records[0]!.downstreamLocalAddress, new RegExp(`:${innerListener.port}$`));
    c.socket.end();
    await c.end();
    await until(() => context.stats.http('test').downstream_cx_active === 0);
  });

  it('asks the policies of the port, and refuses what they refuse', async () => {
    const app = await TestApp.start();
    closers.push(() => app.close());
    const callers: string[] = [];
    const onlyC: Authorizer = {
      check: (view) => {
        callers.push(`${view.peerPrincipal} ${view.destinationAddress}:${view.destinationPort}`);
        return { allowed: false, policy: 'only-c' };
      },
    };
    const { tunnel, innerListener } = await start(app.port, manager(table(forwardTo('app')), { authorizers: [onlyC] }));
    const c = await open(tunnel());
    assert.match(await c.send('GET / HTTP/1.1\r\nHost: b\r\n\r\n').until(/denied$/), /^HTTP\/1\.1 403/);
    assert.deepEqual(callers, [`${spiffe('a')} 127.0.0.1:${innerListener.port}`]);
    assert.equal(app.requests.length, 0);
  });

  it('brings bytes too, as fast as they are taken, closed by halves; a policy of the connection ends it', async () => {
    const peer = await TestPeer.start((socket, bytes) => void socket.write(bytes.toString('latin1').toUpperCase()));
    peer.server.on('connection', (socket) => socket.on('end', () => socket.end('bye')));
    closers.push(() => peer.close());
    const tcp = {
      kind: 'tcp' as const,
      statPrefix: 'tcp',
      clusters: [{ name: 'app', weight: 1 }],
      idleTimeoutMs: 0,
      maxConnectionDurationMs: 0,
      maxConnectAttempts: 1,
      accessLog: [],
    };
    const { context, tunnel } = await start(peer.port, tcp);
    const c = await open(tunnel());
    await c.send('hello').until(/HELLO$/);
    c.socket.end('last');
    assert.match(await c.end(), /LASTbye$/);
    await until(() => context.tcpEvents.some((e) => e.kind === 'closed'));
    const closed = context.tcpEvents.find((e) => e.kind === 'closed')!;
    assert.deepEqual([closed.received, closed.sent], [9, 12]);

    const nobody: Authorizer = { check: () => ({ allowed: false, policy: '' }) };
    const refusing = await start(peer.port, tcp, [nobody]);
    assert.equal(await refusing.tunnel(), 503);
  });

  it('that breaks off takes what is inside with it, on either side, and nothing stays counted', async () => {
    let answer = (): void => {};
    const app = await TestApp.start((_, response) => {
      response.write('a part');
      answer = () => response.end('the rest');
    });
    closers.push(() => app.close());
    const { context, tunnel } = await start(app.port, manager(table(forwardTo('app'))));
    const c = await open(tunnel());
    await c.send('GET / HTTP/1.1\r\nHost: b\r\n\r\n').until(/a part/);
    c.socket.destroy();
    await until(() => context.records.length === 1);
    answer();
    assert.match(context.records[0]!.responseFlags, /DC/);
    const again = await open(tunnel());
    await again.send('GET / HTTP/1.1\r\nHost: b\r\n\r\n').until(/a part/);
    app.server.closeAllConnections();
    assert.doesNotMatch(await again.end(), /the rest/);
    await until(() => context.stats.http('test').downstream_cx_active === 0);
    await until(() => context.stats.http('hbone').downstream_rq_active === 0);
    for (const cluster of context.clustersByName.values()) assert.equal(cluster.activeRequests, 0);
  });

  it('goes nowhere but to the ports that there are', async () => {
    const { tunnel } = await start(1, manager(table(forwardTo('app'))));
    assert.equal(await tunnel('10.0.0.1:9999'), 404);
  });
});
