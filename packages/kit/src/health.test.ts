import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { Health, type HealthOptions, type Readiness } from './health.ts';
import { ask, deferred, listen } from './testing/servers.ts';

const serving = async (options: HealthOptions = {}) => {
  const health = new Health({ clock: new FakeClock(), ...options });
  const { url } = await listen((request, response) => {
    if (!health.handle(request, response)) response.end('served');
  });
  const status = async (path: string): Promise<number> => (await ask(`${url}${path}`)).status;
  return { health, url, status };
};

describe('health', () => {
  it('is alive at once, has started when it was ready once, and is ready until it stops', async () => {
    const { health, status } = await serving();
    const all = async (): Promise<number[]> => [
      await status('/healthz'),
      await status('/startupz'),
      await status('/readyz'),
    ];
    assert.deepEqual(await all(), [200, 503, 503]);
    health.markReady();
    assert.deepEqual(await all(), [200, 200, 200]);
    health.markStopping();
    assert.deepEqual(await all(), [200, 200, 503]);
    health.markReady();
    assert.deepEqual(await all(), [200, 200, 503], 'it does not come back');
  });

  it('answers under the aliases /health and /ready, with a query, to GET and HEAD only', async () => {
    const { url, status } = await serving();
    assert.equal(await status('/health'), 200);
    assert.equal(await status('/ready'), 503);
    assert.equal(await status('/readyz?verbose'), 503);
    assert.equal((await ask(`${url}/readyz`, { method: 'HEAD' })).status, 503);
    assert.equal((await ask(`${url}/readyz`, { method: 'POST' })).body, 'served');
    assert.equal((await ask(`${url}/readyzz`)).body, 'served');
  });

  it('answers 503 with each dependency’s state in JSON while one is down', async () => {
    let database: unknown = false;
    const { health, url } = await serving({
      cacheMs: 0,
      checks: {
        database: () => database,
        queue: async () => {
          throw new Error('connection refused');
        },
        cache: () => 'anything',
      },
    });
    health.markReady();
    const answer = await ask(`${url}/readyz`);
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(answer.body) as Readiness, {
      ready: false,
      life: 'ready',
      dependencies: {
        database: { state: 'down', ms: 0, error: 'the check says no' },
        queue: { state: 'down', ms: 0, error: 'connection refused' },
        cache: { state: 'up', ms: 0 },
      },
    });
    database = true;
    assert.equal((await health.readiness()).dependencies.database?.state, 'up');
  });

  it('is ready again when the dependency is back', async () => {
    let up = false;
    const { health, status } = await serving({ cacheMs: 0, checks: { database: () => up } });
    health.markReady();
    assert.equal(await status('/readyz'), 503);
    up = true;
    assert.equal(await status('/readyz'), 200);
    assert.equal(await status('/healthz'), 200);
  });

  it('counts a check as failed that takes longer than its timeout, and tells it so', async () => {
    const clock = new FakeClock();
    let aborted = false;
    const { health } = await serving({
      clock,
      timeoutMs: 200,
      checks: {
        database: (signal) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => {
              aborted = true;
              reject(signal.reason as Error);
            }),
          ),
      },
    });
    health.markReady();
    const asked = health.readiness();
    await clock.advance(199);
    assert.equal(aborted, false);
    await clock.advance(1);
    assert.deepEqual((await asked).dependencies.database, { state: 'down', ms: 200, error: 'no answer in 200 ms' });
    assert.equal(aborted, true);
    assert.equal(clock.pending, 0);
  });

  it('asks a dependency once for all who want to know at a time, and again when the answer is old', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const held = deferred<void>();
    const { health } = await serving({ clock, cacheMs: 500, checks: { database: () => (asked++, held.promise) } });
    const both = Promise.all([health.readiness(), health.readiness()]);
    await settle();
    assert.equal(asked, 1);
    held.resolve();
    await both;
    await clock.advance(499);
    await health.readiness();
    assert.equal(asked, 1);
    await clock.advance(1);
    await health.readiness();
    assert.equal(asked, 2);
  });

  it('gives a check limits of its own', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const { health } = await serving({ clock, cacheMs: 10_000 });
    health.addCheck('queue', () => void asked++, { cacheMs: 10 });
    await health.readiness();
    await clock.advance(10);
    await health.readiness();
    assert.equal(asked, 2);
  });
});
