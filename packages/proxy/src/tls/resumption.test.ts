import assert from 'node:assert/strict';
import { describe, it, type TestContext as Test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Clock } from '@weft/base/clock';
import { systemClock } from '@weft/base/clock';
import type { TlsContextConfig } from '@weft/traffic/tls-config';
import { startListener } from '../stack.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from '../testing/identities.ts';
import { TestApp, TestClient } from '../testing/peers.ts';
import { type TlsCredentials, WorkloadTlsStore } from '../tls-store.ts';

/** The system's clock, put forward by hand. */
class ShiftedClock implements Clock {
  shiftMs = 0;
  now = (): number => systemClock.now() + this.shiftMs;
  monotonic = (): number => systemClock.monotonic();
  setTimer = systemClock.setTimer.bind(systemClock);
  sleep = systemClock.sleep.bind(systemClock);
}

/** A listener under mutual TLS, and a client of Node's own that tries to resume what it got. */
const server = async (t: Test, store: WorkloadTlsStore, tls: TlsContextConfig, clock: Clock) => {
  const app = await TestApp.start();
  t.after(() => app.close());
  const context = new TestContext(clock);
  context.tlsStore = store;
  context.addCluster('app', [app.port]);
  const http = manager(table(forwardTo('app')));
  const running = await startListener(
    listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, tls)] }),
    context,
  );
  t.after(() => running.close(false));
  return async (who: TlsCredentials, session?: Buffer, options: ConnectionOptions = {}) => {
    const socket: TLSSocket = connect({
      port: running.port,
      host: '127.0.0.1',
      ca: who.bundle.pem,
      cert: who.chainPem,
      key: who.privateKeyPem,
      checkServerIdentity: () => undefined,
      ...(session && { session }),
      ...options,
    });
    t.after(() => socket.destroy());
    let ticket: Buffer | undefined;
    socket.on('session', (bytes: Buffer) => (ticket = bytes));
    let resumed = false;
    socket.on('secureConnect', () => (resumed = socket.isSessionReused()));
    const client = new TestClient(0, socket);
    const answer = await client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').end();
    return { ok: answer.startsWith('HTTP/1.1 200'), resumed, ticket };
  };
};

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  const tls = tlsConfig({ maxVersion: version, alpn: [] });

  describe(`a session of ${version}`, () => {
    it('is resumed by the server while the certificate that it was made with is good, and refused after that', async (t) => {
      const mesh = new TestMesh();
      const clock = new ShiftedClock();
      const ask = await server(t, mesh.store('b'), tls, clock);
      const me = mesh.credentials('a', 600_000);
      const first = await ask(me);
      assert.deepEqual([first.ok, first.resumed], [true, false]);
      const second = await ask(me, first.ticket);
      assert.deepEqual([second.ok, second.resumed], [true, true]);
      clock.shiftMs = 601_000;
      const late = await ask(me, second.ticket ?? first.ticket);
      assert.equal(late.ok, false);
    });

    it('is worth nothing to the server once its certificate or the roots were replaced', async (t) => {
      const mesh = new TestMesh();
      const store = mesh.store('b');
      const ask = await server(t, store, tls, systemClock);
      const me = mesh.credentials('a');
      const { ticket } = await ask(me);
      store.use(mesh.credentials('b'));
      const rotated = await ask(me, ticket);
      assert.deepEqual([rotated.ok, rotated.resumed], [true, false], 'it is a full handshake then');
      const other = new TestMesh();
      store.use(other.credentials('b'));
      const gone = await ask(me, rotated.ticket, { rejectUnauthorized: false });
      assert.deepEqual([gone.ok, gone.resumed], [false, false], 'its root is gone');
    });

    it('is worth nothing to the server once the root has ended', () => {
      const mesh = new TestMesh();
      const clock = new ShiftedClock();
      const store = new WorkloadTlsStore('cluster.local', null, clock);
      store.use(mesh.credentials('b'));
      let told = 0;
      store.onRotated(() => told++);
      const before = store.server(tls)?.contextFor('');
      clock.shiftMs = 3649 * 86_400_000;
      assert.equal(store.server(tls)?.contextFor(''), before);
      clock.shiftMs = 3651 * 86_400_000;
      assert.notEqual(store.server(tls)?.contextFor(''), before);
      assert.equal(told, 1);
      assert.equal(store.server(tls)?.contextFor(''), store.server(tls)?.contextFor(''), 'and no more than once');
    });

    it('is not resumed by a client whose roots or certificate were replaced', async (t) => {
      const mesh = new TestMesh();
      const app = await TestApp.start((_, response) => response.setHeader('connection', 'close').end('ok'));
      t.after(() => app.close());
      const b = new TestContext();
      b.tlsStore = mesh.store('b');
      b.addCluster('app', [app.port]);
      const http = manager(table(forwardTo('app')));
      const inbound = await startListener(
        listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, tls)] }),
        b,
      );
      t.after(() => inbound.close(false));
      const a = new TestContext();
      const store = mesh.store('a');
      store.onRotated(() => a.rotated.forEach((fn) => fn()));
      a.tlsStore = store;
      const limits = { ...a.addCluster('x', []).config.limits, maxRequestsPerConnection: 1 };
      const cluster = a.addCluster('b', [inbound.port], { limits, tls: { ...tls, peerSans: [named(spiffe('b'))] } });
      const outbound = await startListener(listener(manager(table(forwardTo('b')))), a);
      t.after(() => outbound.close(false));
      const ask = async (): Promise<string> => {
        const c = new TestClient(outbound.port);
        t.after(() => c.socket.destroy());
        const answer = await c.send('GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n').end();
        while (cluster.activeConnections > 0) await turn();
        return answer.slice(9, 12);
      };
      const reused = (): number => cluster.stats.tls.session_reused;
      for (let i = 0; i < 3; i++) assert.equal(await ask(), '200');
      assert.ok(reused() > 0, 'sessions are resumed');
      const before = reused();
      store.use(mesh.credentials('a'));
      assert.equal(await ask(), '200');
      assert.equal(reused(), before, 'a new certificate: a full handshake');
      store.use(new TestMesh().credentials('a'));
      assert.equal(await ask(), '503', 'other roots: the server is a stranger');
    });
  });
}
