import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { it } from 'node:test';
import { startListener } from '../stack.ts';
import { forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { TestApp } from '../testing/peers.ts';

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

it('large bodies keep every byte in order, though their buffers serve again, to slow and fast clients at once', async (t) => {
  const bodies = Array.from({ length: 6 }, () => randomBytes(6 * 1024 * 1024 + 17));
  const app = await TestApp.start((incoming, response) => {
    const body = bodies[Number(incoming.url?.slice(1))] as Buffer;
    // Half of them chunked.
    if (Number(incoming.url?.slice(1)) % 2 === 0) response.setHeader('content-length', body.length);
    response.end(body);
  });
  t.after(() => app.close());
  const context = new TestContext();
  context.addCluster('app', [app.port]);
  const running = await startListener(listener(manager(table(forwardTo('app')))), context);
  t.after(() => running.close(false));
  const heard = await Promise.all(
    bodies.map(async (_, i) => {
      const asked = request({ port: running.port, host: '127.0.0.1', path: `/${i}`, agent: false });
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => {
        parts.push(part);
        if (i % 3 === 0 && parts.length % 4 === 0) {
          response.pause();
          setImmediate(() => setImmediate(() => response.resume()));
        }
      });
      await once(response, 'end');
      return sha(Buffer.concat(parts));
    }),
  );
  assert.deepEqual(heard, bodies.map(sha));
});
