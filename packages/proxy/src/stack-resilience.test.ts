import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { FakeClock } from '@weft/testkit/fake-clock';
import { compileOutlierDetection } from '@weft/traffic/compile/outlier-detection';
import { HeaderMatcher } from '@weft/traffic/header-matcher';
import { OutlierDetector } from '@weft/traffic/outlier/outlier-detector';
import { ClusterStats } from './stats/cluster-stats.ts';
import { startListener } from './stack.ts';
import { http1AppOnly } from './testing/application-version.ts';
import { http1Only } from './testing/client-version.ts';
import { forwardTo, listener, manager, retryPolicy, table, TestContext } from './testing/data-path.ts';
import { closedPort, TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const use = <T extends { close(): unknown }>(thing: T): T => {
  closers.push(() => thing.close());
  return thing;
};

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`;

/** A proxy in front of `ports`, and clients of it. */
const proxy = async (
  ports: number[],
  action: Parameters<typeof forwardTo>[1] = {},
  over: Parameters<TestContext['addCluster']>[2] = {},
  clock?: FakeClock,
) => {
  const context = new TestContext(clock);
  const cluster = context.addCluster('app', ports, over);
  const running = await startListener(listener(manager(table(forwardTo('app', action)))), context);
  closers.push(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    closers.push(() => c.socket.destroy());
    return c;
  };
  return { context, cluster, client };
};

/** Gives every host a monitor, as the cluster manager does. */
const watch = (cluster: Awaited<ReturnType<typeof proxy>>['cluster'], split = false) => {
  const stats = new ClusterStats().outlier_detection;
  const config = compileOutlierDetection(
    {
      consecutive5xx: 2,
      consecutiveLocalOriginFailure: 2,
      maxEjectionPercent: 100,
      splitExternalLocalOriginErrors: split,
    },
    '',
  );
  const detector = new OutlierDetector(config, stats, new FakeClock(), seededRandom(1), () => {});
  for (const host of cluster.hosts) host.outlier = detector.add();
  return stats;
};

/** A request that has arrived and waits for its answer. */
const slowApp = async (): Promise<{ app: TestApp; arrived: () => Promise<void>; finish: () => void }> => {
  const waiting: (() => void)[] = [];
  let count = 0;
  let wake = (): void => {};
  const app = use(
    await TestApp.start((_, response) => {
      waiting.push(() => void response.end('ok'));
      count++;
      wake();
    }),
  );
  return {
    app,
    arrived: async () => {
      const before = count;
      while (count === before) await new Promise<void>((resolve) => (wake = resolve));
    },
    finish: () => {
      for (const end of waiting.splice(0)) end();
    },
  };
};

const limits = {
  maxConnections: 100,
  maxPendingRequests: 100,
  maxRequests: 100,
  maxRetries: 100,
  retryBudget: null,
  maxRequestsPerConnection: 0,
};

describe('a circuit breaker that is open', () => {
  it('answers 503 with UO and x-envoy-overloaded, and counts', async () => {
    const { app, arrived, finish } = await slowApp();
    const { context, cluster, client } = await proxy([app.port], {}, { limits: { ...limits, maxRequests: 1 } });
    const arriving = arrived();
    const first = client().send(get());
    await arriving;
    const refused = await client()
      .send(get())
      .until(/overflow$/);
    assert.match(refused, /^HTTP\/1\.1 503 [^]*\r\nx-envoy-overloaded: true\r\n/);
    assert.equal(context.records[0]?.responseFlags, 'UO');
    assert.equal(cluster.stats.upstream_rq_pending_overflow, 1);
    finish();
    await first.until(/ok$/);
  });

  it('of pending requests lets so many wait for a connection', http1AppOnly(), async () => {
    const { app, arrived, finish } = await slowApp();
    const { context, cluster, client } = await proxy(
      [app.port],
      {},
      { limits: { ...limits, maxConnections: 1, maxPendingRequests: 1 } },
    );
    const arriving = arrived();
    const first = client().send(get());
    await arriving;
    const second = client().send(get());
    while (cluster.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve));
    await client()
      .send(get())
      .until(/overflow$/);
    assert.equal(cluster.stats.upstream_cx_overflow > 0, true);
    const secondArrives = arrived();
    finish();
    await secondArrives;
    finish();
    await first.until(/ok$/);
    await second.until(/ok$/);
    assert.deepEqual(
      context.records.map((r) => r.responseFlags),
      ['UO', '-', '-'],
    );
    assert.equal(app.connections, 1);
  });

  it('of retries is a budget: a share of what is under way, and always a few', async () => {
    const bad = use(await TestApp.start((_, response) => void response.writeHead(503).end('no')));
    const retry = retryPolicy({ on: { serverError5xx: true }, numRetries: 1 });
    for (const [minConcurrency, attempts] of [
      [0, 1],
      [1, 2],
    ] as const) {
      bad.requests.length = 0;
      const { context, cluster, client } = await proxy(
        [bad.port],
        { retry },
        { limits: { ...limits, retryBudget: { percent: 0, minConcurrency } } },
      );
      await client()
        .send(get())
        .until(/no\r\n0\r\n\r\n$/);
      assert.equal(bad.requests.length, attempts);
      assert.equal(context.records[0]?.responseFlags, attempts === 1 ? 'UO' : 'URX');
      assert.equal(cluster.stats.upstream_rq_retry_overflow, 2 - attempts);
      assert.equal(cluster.stats.upstream_rq_retry_limit_exceeded, attempts - 1);
      assert.equal(cluster.activeRetries, 0);
    }
  });
});

describe('a retry', () => {
  it('is made for a header of the answer, and waits as long as retry-after says', async () => {
    const clock = new FakeClock();
    let requests = 0;
    let wake = (): void => {};
    const app = use(
      await TestApp.start((_, response) => {
        if (++requests === 1) response.writeHead(200, { 'x-again': '1', 'retry-after': '2' });
        response.end('ok');
        wake();
      }),
    );
    const retry = retryPolicy({
      on: { retriableHeaders: true },
      retriableHeaders: [new HeaderMatcher('x-again', { kind: 'present', expected: true }, false, false)],
      rateLimitedBackoff: { headers: [{ name: 'retry-after', format: 'seconds' }], maxMs: 10_000 },
    });
    const { cluster, client } = await proxy([app.port], { retry }, {}, clock);
    const c = client().send(get());
    while (cluster.stats.upstream_rq_retry === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1990);
    assert.equal(requests, 1);
    const again = new Promise<void>((resolve) => (wake = resolve));
    await clock.advance(1020);
    await again;
    assert.match(await c.until(/ok$/), /^HTTP\/1\.1 200 /);
    assert.equal(cluster.stats.upstream_rq_retry_backoff_ratelimited, 1);
    assert.equal(cluster.stats.upstream_rq_retry_success, 1);
  });

  it('is not made for a request that has none of the retriable headers', async () => {
    const bad = use(await TestApp.start((_, response) => void response.writeHead(503).end('no')));
    const retriableRequestHeaders = [new HeaderMatcher('x-safe', { kind: 'present', expected: true }, false, false)];
    const { client } = await proxy([bad.port], {
      retry: retryPolicy({ on: { serverError5xx: true }, numRetries: 1, retriableRequestHeaders }),
    });
    await client()
      .send(get())
      .until(/no\r\n0\r\n\r\n$/);
    assert.equal(bad.requests.length, 1);
    await client()
      .send('GET / HTTP/1.1\r\nHost: app\r\nX-Safe: 1\r\n\r\n')
      .until(/no\r\n0\r\n\r\n$/);
    assert.equal(bad.requests.length, 3);
  });

  it('follows a try in which nothing moves for the per-try idle timeout', async () => {
    const clock = new FakeClock();
    const { app, arrived, finish } = await slowApp();
    const retry = retryPolicy({ on: { gatewayError: true }, numRetries: 1, perTryIdleTimeoutMs: 100 });
    const { context, cluster, client } = await proxy([app.port], { retry }, {}, clock);
    const first = arrived();
    const c = client().send(get());
    await first;
    const second = arrived();
    await clock.advance(90);
    assert.equal(app.requests.length, 1);
    await clock.advance(50);
    await second;
    assert.equal(cluster.stats.upstream_rq_per_try_idle_timeout, 1);
    await clock.advance(150);
    assert.match(await c.until(/timeout$/), /^HTTP\/1\.1 504 /);
    assert.equal(context.records[0]?.responseCodeDetails, 'upstream_per_try_idle_timeout');
    assert.equal(context.records[0]?.responseFlags, 'UT,URX');
    finish();
  });
});

describe('outlier detection hears', () => {
  it('each answer of a host, and what gRPC calls a failure', async () => {
    let headers: Record<string, string> = {};
    let status = 500;
    const app = use(await TestApp.start((_, response) => void response.writeHead(status, headers).end('x')));
    const { cluster, client } = await proxy([app.port]);
    const stats = watch(cluster);
    const c = client();
    const ask = async (): Promise<void> => {
      c.received = '';
      await c.send('GET / HTTP/1.1\r\nHost: app\r\nContent-Type: application/grpc\r\n\r\n').until(/x\r\n0\r\n\r\n$/);
    };
    await ask();
    status = 200;
    await ask();
    assert.equal(cluster.hosts[0]?.outlier?.consecutive5xx, 0);
    headers = { 'grpc-status': '14' };
    await ask();
    await ask();
    assert.equal(stats.ejections_enforced_consecutive_5xx, 1);
  });

  it('of connections refused and broken, apart from answers where it is told to split', async () => {
    const breaks = use(await TestPeer.start((socket) => socket.destroy()));
    const { cluster, client } = await proxy([await closedPort(), breaks.port]);
    const stats = watch(cluster, true);
    for (let i = 0; i < 4; i++)
      await client()
        .send(get())
        .until(/reset reason: [^]*$/);
    assert.deepEqual(
      cluster.hosts.map((host) => host.outlier?.ejected),
      [true, false],
      'a connection that was made is a success before it breaks',
    );
    assert.equal(stats.ejections_enforced_consecutive_local_origin_failure, 1);
    assert.equal(stats.ejections_detected_consecutive_5xx, 0);
  });

  it('of timeouts, but not of breakers', async () => {
    const clock = new FakeClock();
    const { app, arrived, finish } = await slowApp();
    const { cluster, client } = await proxy(
      [app.port],
      { timeoutMs: 100 },
      { limits: { ...limits, maxRequests: 1 } },
      clock,
    );
    watch(cluster);
    const arriving = arrived();
    const c = client().send(get());
    await arriving;
    await client()
      .send(get())
      .until(/overflow$/);
    assert.equal(cluster.hosts[0]?.outlier?.consecutive5xx, 0);
    await clock.advance(120);
    await c.until(/timeout$/);
    assert.equal(cluster.hosts[0]?.outlier?.consecutive5xx, 1);
    assert.equal(cluster.stats.upstream_rq_timeout, 1);
    finish();
  });
});

describe('a connection upstream', () => {
  it('ends when it has lived as long as it may, though it is used', async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start());
    const { cluster, client } = await proxy([app.port], {}, { maxConnectionDurationMs: 1000 }, clock);
    const c = client();
    const ask = async (): Promise<void> => {
      c.received = '';
      await c.send(get()).until(/ok$/);
    };
    await ask();
    await clock.advance(600);
    await ask();
    assert.equal(app.connections, 1);
    await clock.advance(500);
    while (cluster.activeConnections > 0) await new Promise((resolve) => setImmediate(resolve));
    await ask();
    assert.equal(app.connections, 2);
  });

  it('is kept alive by TCP where the cluster says so', async (t) => {
    const { mock } = t.mock.method(Socket.prototype, 'setKeepAlive');
    const app = use(await TestApp.start());
    const plain = await proxy([app.port]);
    await plain.client().send(get()).until(/ok$/);
    assert.equal(mock.callCount(), 0);
    const { client } = await proxy([app.port], {}, { tcpKeepalive: { probes: 2, timeMs: 60_000, intervalMs: 0 } });
    await client().send(get()).until(/ok$/);
    assert.deepEqual(mock.calls[0]?.arguments, [true, 60_000, 75_000, 2]);
  });
});

describe('a client’s connection', () => {
  it('takes no request after as long as the connection manager lets it last', async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start());
    const context = new TestContext(clock);
    context.addCluster('app', [app.port]);
    const config = listener(manager(table(forwardTo('app')), { maxConnectionDurationMs: 1000 }));
    const running = await startListener(config, context);
    closers.push(() => running.close(false));
    const c = new TestClient(running.port);
    closers.push(() => c.socket.destroy());
    await c.send(get()).until(/ok$/);
    await clock.advance(990);
    c.received = '';
    await c.send(get()).until(/ok$/);
    await clock.advance(50);
    await c.end();
  });
});

describe('a TCP proxy', () => {
  const start = async (ports: number[], over: object, cluster: object, clock?: FakeClock) => {
    const context = new TestContext(clock);
    const added = context.addCluster('tcp', ports, cluster);
    const config = {
      kind: 'tcp' as const,
      statPrefix: 'tcp',
      clusters: [{ name: 'tcp', weight: 1 }],
      idleTimeoutMs: 0,
      maxConnectionDurationMs: 0,
      maxConnectAttempts: 1,
      accessLog: [{ path: '/dev/stdout', format: null }],
      ...over,
    };
    const running = await startListener(listener(config), context);
    closers.push(() => running.close(false));
    const client = (): TestClient => {
      const c = new TestClient(running.port);
      closers.push(() => c.socket.destroy());
      return c;
    };
    return { context, cluster: added, client };
  };

  it('closes a connection over max_connections with UO', http1Only(), async () => {
    const peer = use(await TestPeer.start((socket, bytes) => socket.write(bytes)));
    const { context, cluster, client } = await start([peer.port], {}, { limits: { ...limits, maxConnections: 1 } });
    const first = client().send('a');
    await first.until(/a/);
    await client().end();
    assert.equal(context.records[0]?.responseFlags, 'UO');
    assert.equal(cluster.stats.upstream_cx_overflow, 1);
    first.send('b');
    await first.until(/ab/);
  });

  it('ends a connection that has lasted as long as it may, with DT', http1Only(), async () => {
    const clock = new FakeClock();
    const peer = use(await TestPeer.start((socket, bytes) => socket.write(bytes)));
    const { context, client } = await start([peer.port], { maxConnectionDurationMs: 1000 }, {}, clock);
    const c = client().send('a');
    await c.until(/a/);
    await clock.advance(900);
    c.send('b');
    await c.until(/ab/);
    await clock.advance(200);
    await c.end();
    assert.equal(context.records[0]?.responseFlags, 'DT');
  });

  it('tells outlier detection of connections that were not made', async () => {
    const { cluster, client } = await start([await closedPort()], {}, {});
    const stats = watch(cluster);
    await client().end();
    await client().end();
    assert.equal(stats.ejections_enforced_consecutive_5xx, 1);
  });
});
