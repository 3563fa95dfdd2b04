// h2spec, 145 cases of RFC 7540 and 7541, against the proxy's own listener: by prior knowledge, and by ALPN over TLS. Behind it is
// an HTTP/1.1 application.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it, type TestContext as Test } from 'node:test';
import { startListener } from '@weft/proxy/stack';
import { forwardTo, listener, manager, table, TestContext } from '@weft/proxy/testing/data-path';
import { TestMesh, tlsConfig } from '@weft/proxy/testing/identities';
import { TestApp } from '@weft/proxy/testing/peers';
import { h2specBinary, needs } from '@weft/testkit/require';

const CASES = 145;

/** A listener that takes HTTP/2; its port. */
const start = async (t: Test, tls: boolean): Promise<{ port: number; context: TestContext }> => {
  const app = await TestApp.start((_, response) => void response.end('hello'));
  t.after(() => app.close());
  const context = new TestContext();
  context.tlsStore = new TestMesh().store('server');
  context.addCluster('app', [app.port]);
  const server = tls ? tlsConfig({ alpn: ['h2', 'http/1.1'], requireClientCertificate: false, sni: '' }) : null;
  // A plaintext port of codec type AUTO would answer one of the cases, which begins with no preface, in HTTP/1.
  const http = manager(table(forwardTo('app')), { codec: tls ? 'auto' : 'http2' });
  const running = await startListener(listener(http, tls ? { inspectTls: true } : {}, server), context);
  t.after(() => running.close(false));
  return { port: running.port, context };
};

const h2spec = (port: number, ...more: string[]): Promise<string> =>
  new Promise((resolve) => {
    // It ends with 1 where a case failed: what it says is what counts.
    execFile(
      h2specBinary,
      ['--host', '127.0.0.1', '--port', String(port), '--timeout', '4', ...more],
      { timeout: 110_000, maxBuffer: 1 << 24 },
      (_, stdout) => resolve(stdout),
    );
  });

describe('h2spec', { skip: needs('h2spec') }, () => {
  for (const [what, tls] of [
    ['by prior knowledge', false],
    ['by ALPN over TLS', true],
  ] as const)
    it(`passes all its cases ${what}`, async (t) => {
      const { port, context } = await start(t, tls);
      const said = await h2spec(port, ...(tls ? ['--tls', '--insecure'] : []));
      const failed = said.slice(said.indexOf('Failures:'));
      assert.ok(said.includes(`${CASES} tests, ${CASES} passed, 0 skipped, 0 failed`), failed);
      const end = performance.now() + 10_000;
      while (context.overload.connections > 0 && performance.now() < end) await new Promise((r) => setTimeout(r, 10));
      assert.equal(context.overload.connections, 0, 'every connection is over');
      assert.equal(context.stats.http2.streams_active, 0);
      assert.equal(context.stats.http2.pending_send_bytes, 0);
    });
});
