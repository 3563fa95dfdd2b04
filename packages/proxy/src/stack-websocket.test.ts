// WebSocket from end to end: whatever version of HTTP the hops speak, the client and the application notice nothing.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { afterEach, describe, it } from 'node:test';
import { startListener } from './stack.ts';
import { chain, endpoint, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { WebSocketApp, writeFrame } from './testing/websocket-app.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** client → sidecar of a → mutual TLS, HTTP/2 or HTTP/1.1 → sidecar of b → application */
const start = async (between: 'http1' | 'http2') => {
  const app = await WebSocketApp.start();
  closers.push(() => app.close());
  const mesh = new TestMesh();
  const b = new TestContext();
  b.tlsStore = mesh.store('b');
  b.addCluster('app', [app.port]);
  const http = manager(table(forwardTo('app', { upgrades: ['websocket'] })));
  const server = tlsConfig({ sni: '', alpn: ['h2', 'http/1.1', 'istio'] });
  const inbound = await startListener(
    listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, server)] }),
    b,
  );
  closers.push(() => inbound.close(false));
  const a = new TestContext();
  a.tlsStore = mesh.store('a');
  a.addCluster('b', [endpoint(inbound.port)], {
    tls: tlsConfig({ peerSans: [named(spiffe('b'))], alpn: between === 'http2' ? ['h2', 'istio'] : ['istio'] }),
    protocol: between,
  });
  const outbound = await startListener(
    listener(manager(table(forwardTo('b', { upgrades: ['websocket'] })), { upgrades: ['websocket'] })),
    a,
  );
  closers.push(() => outbound.close(false));
  return { app, a, b, port: outbound.port };
};

for (const between of ['http1', 'http2'] as const) {
  describe(`WebSocket over ${between} between the sidecars`, () => {
    it('for a client of HTTP/1.1', async () => {
      const { app, a, b, port } = await start(between);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
      const heard: string[] = [];
      await new Promise<void>((resolve, reject) => {
        socket.onopen = () => socket.send('one');
        socket.onmessage = ({ data }) => {
          heard.push(String(data));
          if (heard.length === 1) socket.send('two');
          else socket.close();
        };
        socket.onclose = () => resolve();
        socket.onerror = () => reject(new Error('no WebSocket'));
      });
      assert.deepEqual(heard, ['ONE', 'TWO']);
      assert.equal(app.handshakes.length, 1);
      const cluster = a.clustersByName.get('b')!;
      assert.equal(cluster.stats.upstream_cx_http2_total, between === 'http2' ? 1 : 0);
      assert.equal(b.stats.http('test').downstream_cx_http2_total, between === 'http2' ? 1 : 0);
    });

    it('for a client of HTTP/2, whose handshake has no key', async () => {
      const { app, port } = await start(between);
      const session = connect(`http://127.0.0.1:${port}`);
      closers.push(() => session.destroy());
      await new Promise((resolve) => session.once('remoteSettings', resolve));
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/chat',
        'sec-websocket-version': '13',
      });
      // Whoever is sure of the answer need not wait for it.
      stream.write(writeFrame(0x81, 'early', Buffer.from([1, 2, 3, 4])));
      const head = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
      assert.equal(head[':status'], 200);
      assert.equal(head['sec-websocket-accept'], undefined);
      const bytes = await new Promise<Buffer>((resolve) => stream.once('data', resolve));
      assert.deepEqual(bytes, writeFrame(0x81, 'EARLY'));
      const ended = new Promise((resolve) => stream.once('end', resolve));
      stream.end(writeFrame(0x88, '', Buffer.from([1, 2, 3, 4])));
      await ended;
      assert.match(String(app.handshakes[0]!['sec-websocket-key']), /^[A-Za-z0-9+/]{22}==$/);
    });
  });
}
