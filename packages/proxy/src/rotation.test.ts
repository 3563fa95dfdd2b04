import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { startMtlsLoop } from './testing/mtls-loop.ts';
import { ask } from './testing/running-proxy.ts';

/** `npm run soak:rotation` makes it a minute. */
const SECONDS = Number(process.env.WEFT_SOAK_SECONDS ?? 5);
const TTL_MS = 2000;
const CALLERS = 4;

const call = (port: number, agent: Agent): Promise<number> =>
  new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    sent.on('error', () => resolve(0));
    sent.end();
  });

test('certificates of two seconds are replaced under load, and no request fails', async (t) => {
  const { front, admin, controlPlane, run, ready } = await startMtlsLoop(t);
  controlPlane.behaviour.ttlMs = TTL_MS;
  run();
  await ready();
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  t.after(() => agent.destroy());
  const statuses = new Map<number, number>();
  const end = performance.now() + SECONDS * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const status = await call(front, agent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await systemClock.sleep(2);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const certificates = controlPlane.calls.length;
  t.diagnostic(`${statuses.get(200) ?? 0} requests under ${certificates} certificates`);
  assert.deepEqual([...statuses.keys()], [200]);
  assert.ok((statuses.get(200) ?? 0) > SECONDS * 50);
  assert.ok(certificates > SECONDS / 2, `${certificates} certificates`);
  assert.equal((await ask(admin, '/ready')).status, 200);
});

test('a sidecar whose certificate ends, and who gets no other, ends too: who starts it again gives it a new token', async (t) => {
  const { front, controlPlane, run, ready, said } = await startMtlsLoop(t);
  // Longer than it takes to start on a busy machine.
  controlPlane.behaviour.ttlMs = 3 * TTL_MS;
  const child = run();
  await ready();
  assert.equal((await ask(front, '/')).status, 200);
  controlPlane.behaviour.refuse = 14;
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 1);
  assert.match(said(), /proxy failed.*no valid certificate/);
});
