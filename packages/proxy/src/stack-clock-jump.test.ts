// The wall clock is set back and forth by hours, as after sleep or by NTP: what is under way does not notice.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext as Test, test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { DnsCache } from './dns/dns-cache.ts';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient } from './testing/peers.ts';

const HOUR = 3_600_000;
const JUMPS = [5 * HOUR, -11 * HOUR, 400 * 24 * HOUR, -399 * 24 * HOUR];
const REQUEST = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';

const start = async (t: Test) => {
  const clock = new FakeClock();
  const waiting: ServerResponse[] = [];
  const app = await TestApp.start((_, response) => void waiting.push(response));
  t.after(() => app.close());
  const context = new TestContext(clock);
  context.addCluster('app', [app.port]);
  const routes = table(forwardTo('app', { timeoutMs: 10_000 }));
  const running = await startListener(listener(manager(routes, { connectionIdleTimeoutMs: 60_000 })), context);
  t.after(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    return c;
  };
  const arrived = async (count: number): Promise<ServerResponse> => {
    while (waiting.length < count) await new Promise((resolve) => setImmediate(resolve));
    return waiting[count - 1] as ServerResponse;
  };
  return { clock, context, client, arrived, app };
};

test('timeouts are neither early nor late', async (t) => {
  const { clock, context, client, arrived } = await start(t);
  const c = client().send(REQUEST);
  await arrived(1);
  for (const jump of JUMPS) {
    clock.jump(jump);
    await clock.advance(2000);
    assert.equal(c.received, '', `after ${jump / HOUR} h`);
  }
  await clock.advance(2100);
  assert.match(await c.until(/timeout$/), /^HTTP\/1\.1 504 /);
  const [record] = context.records;
  assert.ok(record && record.durationMs > 9_900 && record.durationMs < 10_300, `${record?.durationMs}`);
});

test('connections on both sides are kept, and idle ones close when they should', async (t) => {
  const { clock, client, arrived, app } = await start(t);
  const c = client();
  for (const [i, jump] of JUMPS.entries()) {
    c.received = '';
    c.send(REQUEST);
    (await arrived(i + 1)).end('ok');
    await c.until(/ok$/);
    clock.jump(jump);
    await clock.advance(10_000);
  }
  assert.equal(app.connections, 1);
  assert.equal(c.ended, false);
  await clock.advance(51_000);
  await c.end();
});

test('an address is asked for again when its TTL is over, not before', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const dns = new DnsCache(() => {
    asked++;
    return Promise.resolve({ addresses: ['10.0.0.1'], ttlMs: 30_000 });
  }, clock);
  for (const jump of JUMPS) {
    await dns.addresses('a.example');
    clock.jump(jump);
    await clock.advance(5000);
  }
  assert.equal(asked, 1);
  await clock.advance(10_001);
  await dns.addresses('a.example');
  assert.equal(asked, 2);
});
