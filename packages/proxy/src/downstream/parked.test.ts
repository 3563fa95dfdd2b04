import assert from 'node:assert/strict';
import { type TestContext as Test, test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { HttpConnectionManagerConfig } from '@weft/traffic/runtime-config';
import { startListener } from '../stack.ts';
import { forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { TestApp, TestClient } from '../testing/peers.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';
/** Longer than a connection waits before it lets go. */
const LONG_MS = 2100;

/** A client whose first request is answered, and which has been silent since. */
const idle = async (t: Test, over: Partial<HttpConnectionManagerConfig> = {}) => {
  const clock = new FakeClock();
  const app = await TestApp.start();
  t.after(() => app.close());
  const context = new TestContext(clock);
  context.addCluster('app', [app.port]);
  const running = await startListener(listener(manager(table(forwardTo('app')), over)), context);
  t.after(() => running.close(false));
  const client = new TestClient(running.port);
  t.after(() => client.socket.destroy());
  await client.send(REQUEST).until(/ok$/);
  await clock.advance(LONG_MS);
  const [stats] = context.stats.httpManagers.values();
  assert.ok(stats);
  return { clock, context, client, stats, running, app };
};

const again = async (client: TestClient): Promise<void> => {
  client.received = '';
  await client.send(REQUEST).until(/^HTTP\/1\.1 200 [\s\S]*ok$/);
};

test('a connection that was silent for long takes the next request, and the next', async (t) => {
  const { clock, client, stats, app } = await idle(t);
  for (let i = 0; i < 3; i++) {
    await again(client);
    await clock.advance(LONG_MS);
  }
  assert.deepEqual(
    [app.requests.length, stats.downstream_cx_total, stats.downstream_cx_http1_total, stats.downstream_cx_http1_active],
    [4, 1, 1, 1],
  );
  client.socket.destroy();
  while (stats.downstream_cx_active > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stats.downstream_cx_http1_active, 0);
});

test('it is closed when its idle timeout is over, counted from the last request', async (t) => {
  const { clock, client, stats } = await idle(t, { connectionIdleTimeoutMs: 10_000 });
  await clock.advance(10_000 - LONG_MS - 50);
  await again(client);
  await clock.advance(9_900);
  assert.equal(client.ended, false);
  await clock.advance(150);
  await client.end();
  assert.equal(stats.downstream_cx_idle_timeout, 1);
});

test('a head that does not come to its end is answered 408 there too', async (t) => {
  const { clock, client } = await idle(t, { requestHeadersTimeoutMs: 5000 });
  client.received = '';
  client.send('GET / HT');
  // The bytes are on their way for some turns of the event loop.
  for (let turn = 0; turn < 500 && !client.ended; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(20);
  }
  assert.match(await client.end(), /^HTTP\/1\.1 408 /);
});

test('it is closed when its listener drains', async (t) => {
  const { client, running } = await idle(t);
  const closed = running.close(true);
  await client.end();
  client.socket.destroy();
  await closed;
});
