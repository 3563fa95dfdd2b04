import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type RunningListener, startListener } from './stack.ts';
import { collectStats } from './stats/collect-stats.ts';
import { renderText } from './stats/render-stats.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { closedPort, TestApp, TestClient } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = async (context: TestContext): Promise<RunningListener> => {
  const routes = table((request) =>
    request.path === '/none' ? null : forwardTo(request.path === '/dead' ? 'dead' : 'app'),
  );
  const denyAll = {
    name: 'deny',
    check: (_: unknown, request: { path: string } | null) => ({ allowed: request?.path !== '/denied', policy: 'p' }),
  };
  const running = await startListener(listener(manager(routes, { authorizers: [denyAll] })), context);
  closers.push(() => running.close(false));
  return running;
};

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe('statistics', () => {
  it('of listener, connection manager and cluster count what went through', async () => {
    const app = await TestApp.start((request, response) => {
      response.statusCode = request.url === '/missing' ? 404 : 200;
      response.end('ok');
    });
    closers.push(() => app.close());
    const context = new TestContext();
    const cluster = context.addCluster('app', [app.port]);
    const dead = context.addCluster('dead', [await closedPort()]);
    const { port } = await start(context);
    const client = new TestClient(port);
    for (const path of ['/', '/', '/missing', '/none', '/denied', '/dead']) {
      client.received = '';
      client.send(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`);
      await client.until(/\r\n\r\n/);
      await until(() => context.stats.http('test').downstream_rq_active === 0);
    }
    const http = context.stats.http('test');
    assert.equal(http.downstream_rq_total, 6);
    assert.deepEqual(http.responses.entries(), [
      [200, 2],
      [403, 1],
      [404, 2],
      [503, 1],
    ]);
    assert.equal(http.no_route, 1);
    assert.deepEqual([http.rbac.allowed, http.rbac.denied], [5, 1]);
    assert.equal(http.downstream_cx_active, 1);
    assert.deepEqual(cluster.stats.responses.entries(), [
      [200, 2],
      [404, 1],
    ]);
    assert.equal(cluster.stats.upstream_rq_total, 3);
    assert.equal(cluster.stats.upstream_rq_pending_total, 1);
    assert.equal(cluster.stats.upstream_cx_total, 1);
    assert.equal(cluster.stats.upstream_cx_http1_total, 1);
    assert.deepEqual(
      [dead.stats.upstream_cx_total, dead.stats.upstream_cx_connect_fail, dead.stats.upstream_rq_pending_failure_eject],
      [1, 1, 1],
    );
    assert.deepEqual(dead.stats.responses.entries(), [[503, 1]]);
    const server = {
      uptimeS: 0,
      state: 0,
      activeClusters: 2,
      listeners: { active: 1, warming: 0, draining: 0 },
      daysUntilFirstCertExpiring: 0,
    } as const;
    const text = renderText(collectStats(context.stats, context.clustersByName.values(), server));
    // Of a connection that is open the bytes count already.
    assert.match(text, /cluster\.app\.upstream_cx_rx_bytes_total: [1-9]/);
    assert.match(text, new RegExp(`listener\\.127\\.0\\.0\\.1_${port}\\.downstream_cx_active: 1\n`));

    client.socket.destroy();
    const own = context.stats.listener(`127.0.0.1_${port}`);
    await until(() => own.downstream_cx_active === 0);
    assert.deepEqual([own.downstream_cx_total, own.downstream_cx_destroy], [1, 1]);
    assert.equal(http.downstream_cx_active, 0);
    assert.equal(http.downstream_cx_destroy_remote, 1);
    assert.ok(http.downstream_cx_rx_bytes_total > 100);
    app.close();
    await until(() => cluster.stats.upstream_cx_destroy === 1);
    assert.equal(cluster.stats.upstream_cx_destroy_remote, 1);
    assert.equal(cluster.stats.upstream_cx_destroy_with_active_rq, 0);
    assert.equal(cluster.activeConnections, 0);
  });

  it('of what is not HTTP', async () => {
    const context = new TestContext();
    context.addCluster('app', [await closedPort()]);
    const { port } = await start(context);
    const client = new TestClient(port);
    closers.push(() => client.socket.destroy());
    client.send('GET\r\n\r\n');
    await client.until(/400/);
    const http = context.stats.http('test');
    assert.equal(http.downstream_cx_protocol_error, 1);
    assert.equal(http.downstream_rq_total, 1);
    assert.equal(http.downstream_rq_active, 0);
  });
});
