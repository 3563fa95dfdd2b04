// Request smuggling, end to end: whatever bytes a client sends, the application sees the requests that the proxy has seen,
// checked, and recorded; no more and no others.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { settle } from '@weft/testkit/fake-clock';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient } from './testing/peers.ts';
import { HOST, smugglingCases } from './testing/smuggling-cases.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('whatever bytes come, the application sees what the proxy has seen', () => {
  for (const [what, [bytes, count]] of Object.entries(smugglingCases)) {
    it(what, async () => {
      const app = await TestApp.start();
      closers.push(() => app.close());
      const context = new TestContext();
      context.addCluster('app', [app.port]);
      const running = await startListener(listener(manager(table(forwardTo('app')))), context);
      closers.push(() => running.close(false));
      const c = new TestClient(running.port);
      closers.push(() => c.socket.destroy());
      // A marker at the end: everything before it is dealt with once it is answered, or the connection is closed.
      c.send(`${bytes}GET /marker HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
      const text = await c.end();
      await settle();
      const seen = app.requests.map((r) => `${r.method} ${r.url} ${r.body.length}`);
      const recorded = context.records
        .filter((r) => r.responseCode === 200)
        .map((r) => `${r.method} ${r.path} ${r.requestBytes}`);
      assert.deepEqual(seen, recorded);
      assert.equal(seen.filter((line) => !line.includes('/marker')).length, count, seen.join('; '));
      assert.equal(
        seen.some((line) => line.includes('/smuggled')),
        count === 2,
      );
      // What begins as HTTP/2 is refused as HTTP/2: by SETTINGS and GOAWAY.
      if (count === 0) assert.match(text, /^(?:HTTP\/1\.1 (?:4\d\d|501) |\0\0.\x04[^]*\x07\0{5})/);
    });
  }
});
