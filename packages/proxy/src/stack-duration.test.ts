import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext as Test, test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { HttpConnectionManagerConfig } from '@weft/traffic/runtime-config';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient } from './testing/peers.ts';

/** An application that answers when told, and a request on its way to it. */
const waiting = async (
  t: Test,
  over: Partial<HttpConnectionManagerConfig>,
  action: Parameters<typeof forwardTo>[1] = {},
) => {
  const clock = new FakeClock();
  const arrived = Promise.withResolvers<ServerResponse>();
  const app = await TestApp.start((_, response) => arrived.resolve(response));
  t.after(() => app.close());
  const context = new TestContext(clock);
  context.addCluster('app', [app.port]);
  const running = await startListener(listener(manager(table(forwardTo('app', action)), over)), context);
  t.after(() => running.close(false));
  const client = new TestClient(running.port);
  t.after(() => client.socket.destroy());
  client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
  return { clock, context, client, response: await arrived.promise };
};

test('a request lasts as long as its connection manager allows, then it is 408', async (t) => {
  const { clock, context, client } = await waiting(t, { maxStreamDurationMs: 1000 });
  await clock.advance(980);
  assert.equal(client.received, '');
  await clock.advance(60);
  assert.match(await client.until(/timeout$/), /^HTTP\/1\.1 408 .*downstream duration timeout$/s);
  assert.deepEqual(
    context.records.map((r) => [r.responseCode, r.responseFlags, r.responseCodeDetails]),
    [[408, '-', 'max_duration_timeout']],
  );
});

test('a route has a limit of its own, or none', async (t) => {
  const longer = await waiting(t, { maxStreamDurationMs: 1000 }, { maxStreamDurationMs: 3000 });
  await longer.clock.advance(2900);
  assert.equal(longer.client.received, '');
  await longer.clock.advance(200);
  assert.match(await longer.client.until(/timeout$/), /^HTTP\/1\.1 408 /);
  const none = await waiting(t, { maxStreamDurationMs: 1000 }, { maxStreamDurationMs: 0 });
  await none.clock.advance(14_000);
  none.response.end('late');
  assert.match(await none.client.until(/late/), /^HTTP\/1\.1 200 /);
});

test('an answer that is under way is broken off', async (t) => {
  const { clock, context, client, response } = await waiting(t, { maxStreamDurationMs: 1000 });
  response.write('begun');
  await client.until(/begun/);
  await clock.advance(1050);
  assert.doesNotMatch(await client.end(), /\r\n0\r\n\r\n/);
  assert.equal(context.records[0]?.responseCodeDetails, 'max_duration_timeout');
  const [stats] = context.stats.httpManagers.values();
  assert.equal(stats?.downstream_rq_max_duration_reached, 1);
});
