import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { settle } from '@weft/testkit/fake-clock';
import { httpListener, type Listener } from './http.ts';
import { createKit, type KitOptions } from './kit.ts';
import { ask, listen, urlOf } from './testing/servers.ts';

const lines: string[] = [];
const make = (listener: Listener, options: KitOptions = {}) => {
  const kit = createKit({
    log: { destination: { write: (line) => void lines.push(line) } },
    sidecar: { url: '' },
    shutdown: { drainPauseMs: 0 },
    ...options,
  });
  // The test's own process is not to be ended by the signals of the runner.
  return {
    kit,
    server: createServer(httpListener(kit, listener)),
    options: { port: 0, host: '127.0.0.1', signals: new EventEmitter() },
  };
};

describe('the kit', () => {
  it('is ready when its sidecar is, and not before', async () => {
    let sidecarReady = false;
    const { url } = await listen((_request, response) => response.writeHead(sidecarReady ? 200 : 503).end());
    const { kit, server, options } = make((_request, response) => response.end('served'), {
      sidecar: { url, delayMs: 5 },
    });
    const serving = kit.serve(server, options);
    while (!server.listening) await settle();
    assert.equal((await ask(`${urlOf(server)}/readyz`)).status, 503);
    assert.equal((await ask(`${urlOf(server)}/startupz`)).status, 503);
    assert.equal((await ask(`${urlOf(server)}/healthz`)).status, 200);
    sidecarReady = true;
    const shutdown = await serving;
    assert.equal((await ask(`${urlOf(server)}/readyz`)).status, 200);
    assert.equal(await shutdown.stop(), true);
  });

  it('serves all the same where there is no mesh', async () => {
    const { kit, server, options } = make((_request, response) => response.end('served'), { sidecar: { env: {} } });
    const shutdown = await kit.serve(server, options);
    assert.equal((await ask(`${urlOf(server)}/readyz`)).status, 200);
    assert.equal((await ask(urlOf(server))).body, 'served');
    await shutdown.stop();
  });

  it('says why when a sidecar that should be there never is, or the port is taken', async () => {
    const { url } = await listen((_request, response) => response.writeHead(503).end());
    const first = make(() => {}, { sidecar: { url, attempts: 2, delayMs: 1 } });
    await assert.rejects(first.kit.serve(first.server, first.options), /not ready after 2 attempts/);
    first.server.close();
    const second = make(() => {});
    await assert.rejects(second.kit.serve(second.server, { ...second.options, port: Number(new URL(url).port) }), {
      code: 'EADDRINUSE',
    });
  });

  it('closes what is behind it, last added first, when the last request is answered', async () => {
    const order: string[] = [];
    const { kit, server, options } = make(async (_request, response) => {
      await settle();
      response.end();
      order.push('answered');
    });
    kit.onClose(() => void order.push('database'));
    kit.onClose(() => void order.push('queue'));
    const shutdown = await kit.serve(server, options);
    const asked = ask(urlOf(server));
    await new Promise((resolve) => server.once('request', resolve));
    await shutdown.stop();
    assert.equal((await asked).status, 200);
    assert.deepEqual(order, ['answered', 'queue', 'database']);
  });

  it('answers 500 where a listener fails, logs it with the trace, and lives on', async () => {
    const { kit, server, options } = make((request, response) => {
      if (request.url === '/half') response.write('half');
      throw new Error('no such order');
    });
    const shutdown = await kit.serve(server, options);
    assert.equal((await ask(`${urlOf(server)}/7`, { headers: { 'x-request-id': 'r7' } })).status, 500);
    const line = lines
      .map((text) => JSON.parse(text) as { request_id?: string; err?: { message: string } })
      .find((l) => l.request_id === 'r7');
    assert.equal(line?.err?.message, 'no such order');
    await assert.rejects(ask(`${urlOf(server)}/half`));
    assert.equal((await ask(`${urlOf(server)}/healthz`)).status, 200);
    await shutdown.stop();
  });

  it('tells of the process too, unless told not to', async () => {
    const { kit, server, options } = make(() => {});
    const shutdown = await kit.serve(server, options);
    const { body } = await ask(`${urlOf(server)}/metrics`);
    assert.match(body, /^process_resident_memory_bytes \d+$/m);
    assert.match(body, /^nodejs_eventloop_lag_seconds /m);
    await shutdown.stop();
  });
});
