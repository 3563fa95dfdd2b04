// Clients that send as little as they can, as slowly as they can: they hold their connection for the time a head may take,
// no more, and nobody else waits.
import assert from 'node:assert/strict';
import { type TestContext as Test, test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { HttpConnectionManagerConfig } from '@weft/traffic/runtime-config';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient } from './testing/peers.ts';

const SLOW = 200;

const start = async (t: Test, over: Partial<HttpConnectionManagerConfig>) => {
  const clock = new FakeClock();
  const app = await TestApp.start();
  t.after(() => app.close());
  const context = new TestContext(clock);
  context.addCluster('app', [app.port]);
  const running = await startListener(listener(manager(table(forwardTo('app')), over)), context);
  t.after(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    return c;
  };
  return { clock, context, client, app };
};

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('heads that trickle in are answered 408 when their time is over, however steadily they come', async (t) => {
  const { clock, context, client, app } = await start(t, { requestHeadersTimeoutMs: 10_000 });
  const slow = Array.from({ length: SLOW }, () => client().send('GET / HTTP/1.1\r\nHost: a\r\n'));
  // Each has been read, and its time runs.
  const stats = [...context.stats.httpManagers.values()][0];
  while (stats?.downstream_cx_http1_active !== SLOW) await turns(1);
  for (let second = 0; second < 9; second++) {
    for (const [i, c] of slow.entries()) c.send(`X-${second}: ${i}\r\n`);
    await turns(20);
    await clock.advance(1000);
    // Who sends a whole request is served meanwhile.
    await client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').until(/ok$/);
  }
  assert.equal(slow.filter((c) => c.ended).length, 0);
  await clock.advance(1500);
  for (const c of slow) assert.match(await c.end(), /^HTTP\/1\.1 408 /);
  assert.equal(stats?.downstream_rq_header_timeout, SLOW);
  assert.equal(app.requests.length, 9);
});

test('bodies that trickle in end with the request timeout, where there is one', async (t) => {
  const { clock, context, client } = await start(t, { requestTimeoutMs: 5000 });
  const slow = Array.from({ length: 20 }, () =>
    client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n'),
  );
  for (let second = 0; second < 4; second++) {
    for (const c of slow) c.send('x');
    await turns(20);
    await clock.advance(1000);
  }
  assert.equal(slow.filter((c) => c.received !== '').length, 0);
  await clock.advance(1100);
  for (const c of slow) assert.match(await c.until(/timeout$/), /^HTTP\/1\.1 408 /);
  const [stats] = context.stats.httpManagers.values();
  assert.equal(stats?.downstream_rq_timeout, 20);
});

test('a body of which nothing comes ends with the idle timeout', async (t) => {
  const { clock, client } = await start(t, { streamIdleTimeoutMs: 5000 });
  const c = client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx');
  await turns(50);
  await clock.advance(5100);
  assert.match(await c.until(/timeout$/), /^HTTP\/1\.1 408 /);
});
