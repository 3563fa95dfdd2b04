import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { drainEnvoy } from './drain-envoy.ts';

/** An admin interface that reports these numbers of active requests, one after the other. */
const admin = async (active: number[]) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const count = active.length > 1 ? active.shift() : active[0];
    response.end(
      request.method === 'POST'
        ? 'OK\n'
        : `http.admin.downstream_rq_active: 1\nhttp.inbound.downstream_rq_active: ${count}\n`,
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  return { address: `127.0.0.1:${port}`, asked, close: () => server.close().closeAllConnections() };
};

test('Envoy is drained until no request is active; those to its admin interface do not count', async (t) => {
  const envoy = await admin([9, 2, 1, 0]);
  t.after(envoy.close);
  await drainEnvoy(envoy.address, 10_000, systemClock);
  assert.equal(envoy.asked[0], 'POST /healthcheck/fail');
  assert.equal(envoy.asked.filter((a) => a.startsWith('GET')).length, 3);
});

test('requests that do not end are not waited for longer than told', async (t) => {
  const envoy = await admin([1]);
  t.after(envoy.close);
  const before = systemClock.monotonic();
  await drainEnvoy(envoy.address, 200, systemClock);
  assert.ok(systemClock.monotonic() - before >= 199);
});

test('an Envoy that does not answer is not waited for', async () => {
  const envoy = await admin([1]);
  envoy.close();
  await drainEnvoy(envoy.address, 60_000, systemClock);
});
