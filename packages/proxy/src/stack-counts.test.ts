import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import fc from 'fast-check';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, retryPolicy, table, TestContext } from './testing/data-path.ts';
import { TestClient, TestPeer } from './testing/peers.ts';

/** What an application may do to a request; the proxy must count it down exactly once whichever it is. */
const answers: Record<string, string | null> = {
  ok: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  closing: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
  error: 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno',
  nonsense: 'nonsense\r\n\r\n',
  half: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
  'half head': 'HTTP/1.1 200',
  unasked: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'.repeat(2),
  reset: null,
  silence: '',
};

const scenario = fc.record({
  answers: fc.array(fc.constantFrom(...Object.keys(answers)), { minLength: 1, maxLength: 4 }),
  body: fc.boolean(),
  /** The client is gone after so many turns of the event loop. */
  leavesAfter: fc.option(fc.nat(12), { freq: 3 }),
  retries: fc.boolean(),
});

it('every request is recorded once, and nothing stays counted, whatever goes wrong', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(scenario, { minLength: 1, maxLength: 5 }), async (scenarios) => {
      const clock = new FakeClock();
      const context = new TestContext(clock);
      const script: string[] = [];
      const peer = await TestPeer.start((socket, bytes) => {
        if (!/HTTP\/1\.1\r\n/.test(bytes.toString('latin1'))) return;
        const answer = answers[script.shift() ?? 'ok'] ?? null;
        if (answer === null) socket.destroy();
        else if (answer.includes('half')) socket.end(answer);
        else socket.write(answer);
      });
      const cluster = context.addCluster('app', [peer.port, peer.port]);
      const retry = retryPolicy({ on: { serverError5xx: true }, perTryTimeoutMs: 60 });
      const withRetries = forwardTo('app', { timeoutMs: 200, retry });
      const without = forwardTo('app', { timeoutMs: 200 });
      const running = await startListener(
        listener(manager(table((r) => (r.path === '/retry' ? withRetries : without)))),
        context,
      );
      let sent = 0;
      try {
        for (const s of scenarios) {
          script.splice(0, script.length, ...s.answers);
          const client = new TestClient(running.port);
          await new Promise((resolve) => client.socket.once('connect', resolve));
          const path = s.retries ? '/retry' : '/';
          client.send(
            `${s.body ? 'POST' : 'GET'} ${path} HTTP/1.1\r\nHost: a\r\n${s.body ? 'Content-Length: 5\r\n\r\nhello' : '\r\n'}`,
          );
          const before = context.records.length;
          for (let turn = 0; s.leavesAfter !== null && turn < s.leavesAfter; turn++) {
            await new Promise((resolve) => setImmediate(resolve));
          }
          if (s.leavesAfter !== null) {
            // Gone before the proxy saw the request, there is nothing to record.
            client.socket.destroy();
            for (let turn = 0; turn < 20; turn++) await clock.advance(20);
            sent += context.records.length > before ? 1 : 0;
          } else {
            for (let turn = 0; context.records.length === before && turn < 200; turn++) await clock.advance(10);
            sent++;
            client.socket.destroy();
          }
          assert.ok(context.records.length - before <= 1, 'recorded once');
        }
        for (let turn = 0; turn < 10; turn++) await clock.advance(50);
        assert.equal(context.records.length, sent);
        assert.equal(context.requests.length, sent);
        assert.deepEqual(
          cluster.hosts.map((h) => h.active),
          [0, 0],
        );
        assert.equal(cluster.activeRequests, 0);
        assert.equal(cluster.pendingRequests, 0);
        assert.equal(cluster.activeRetries, 0);
      } finally {
        await running.close(false);
        peer.close();
      }
      // With the listener and the application gone no connection is left.
      for (let turn = 0; cluster.activeConnections > 0 && turn < 50; turn++) await clock.advance(10);
      assert.equal(cluster.activeConnections, 0);
    }),
    { numRuns: 40 },
  );
});
