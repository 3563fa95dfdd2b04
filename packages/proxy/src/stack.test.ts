import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { type RunningListener, startListener } from './stack.ts';
import { http1Only } from './testing/client-version.ts';
import { forwardTo, listener, manager, retryPolicy, table, TestContext } from './testing/data-path.ts';
import type { HostPool } from './upstream/host-pool.ts';
import { closedPort, TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const use = <T extends { close(...args: never[]): unknown }>(thing: T): T => {
  closers.push(() => (thing.close as (graceful?: boolean) => unknown)(false));
  return thing;
};

const client = (l: RunningListener): TestClient => {
  const c = new TestClient(l.port);
  closers.push(() => c.socket.destroy());
  return c;
};

/** A proxy in front of `ports`, everything routed there. */
const proxy = async (
  ports: number[],
  options: {
    action?: Parameters<typeof forwardTo>[1];
    manager?: Parameters<typeof manager>[1];
    cluster?: Parameters<TestContext['addCluster']>[2];
    clock?: FakeClock;
    direction?: 'inbound' | 'outbound';
  } = {},
) => {
  const context = new TestContext(options.clock);
  const cluster = context.addCluster('app', ports, options.cluster);
  const config = listener(manager(table(forwardTo('app', options.action)), options.manager), {
    direction: options.direction ?? 'outbound',
  });
  const running = use(await startListener(config, context));
  return { context, cluster, running, config };
};

const get = (path = '/', headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: app\r\n${headers}\r\n`;

describe('a request through the proxy', () => {
  it('reaches the application and its answer comes back, over connections that are kept', async () => {
    const app = use(await TestApp.start((_, response) => void response.setHeader('x-answer', '42').end('hello')));
    const { context, cluster, running } = await proxy([app.port]);
    const c = client(running);
    for (let i = 1; i <= 3; i++) {
      c.received = '';
      c.send(get(`/a/../b?n=${i}`, 'X-Envoy-Force-Trace: 1\r\nX-Forwarded-Client-Cert: By=me\r\n'));
      const answer = await c.until(/hello$/);
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(answer, /\r\nx-answer: 42\r\n/);
      assert.match(answer, /\r\nx-envoy-upstream-service-time: \d+\r\n/);
    }
    assert.equal(app.connections, 1);
    assert.deepEqual(
      app.requests.map((r) => r.url),
      ['/b?n=1', '/b?n=2', '/b?n=3'],
    );
    const { headers } = app.requests[0]!;
    assert.equal(headers['x-envoy-force-trace'], undefined);
    assert.equal(headers['x-forwarded-client-cert'], undefined);
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.match(
      String(headers['x-request-id']),
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    assert.match(String(headers.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    assert.equal(context.records.length, 3);
    assert.equal(context.records[0]!.responseCode, 200);
    assert.equal(context.records[0]!.upstreamHost, `127.0.0.1:${app.port}`);
    assert.deepEqual(
      context.requests.map((r) => r.code),
      [200, 200, 200],
    );
    assert.equal(context.requestLabels.length, 1, 'the handle of the metrics is looked up once');
    assert.equal(cluster.hosts[0]!.active, 0);
    assert.equal(cluster.activeRequests, 0);
  });

  it('answers pipelined requests in order', async () => {
    const app = use(await TestApp.start((request, response) => void response.end(`<${request.url}>`)));
    const { running } = await proxy([app.port]);
    const c = client(running).send(get('/1') + get('/2') + get('/3'));
    const text = await c.until(/<\/3>/);
    assert.deepEqual(text.match(/<\/\d>/g), ['</1>', '</2>', '</3>']);
  });

  it('passes bodies both ways: with a length, chunked, with trailers', async () => {
    const app = use(
      await TestApp.start((_, response, body) => {
        response.writeHead(200, { Trailer: 'x-sum' });
        response.write(body.toUpperCase());
        response.addTrailers({ 'x-sum': String(body.length) });
        response.end();
      }),
    );
    const { context, running } = await proxy([app.port]);
    const c = client(running);
    c.send(
      'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n',
    );
    const answer = await c.until(/x-sum: 5\r\n\r\n$/);
    assert.match(answer, /transfer-encoding: chunked/);
    assert.match(answer, /\r\n5\r\nABCDE\r\n0\r\nx-sum: 5\r\n\r\n$/);
    assert.equal(app.requests[0]!.body, 'abcde');
    assert.equal(app.requests[0]!.trailers['x-t'], '1');
    assert.equal(context.records[0]!.requestBytes, 5);
    assert.equal(context.records[0]!.responseBytes, 5);
  });

  it('passes megabytes without gathering them when the reader is slow', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const total = 64 * 1024 * 1024;
    let sent = 0;
    let stuck = (): void => {};
    const full = new Promise<void>((resolve) => {
      stuck = resolve;
    });
    const peer = use(
      await TestPeer.start((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
        const pump = (): void => {
          while (sent < total) {
            sent += chunk.length;
            if (!socket.write(chunk)) {
              socket.once('drain', pump);
              // Nothing was taken for a while: all buffers on the way are full.
              const at = sent;
              let turns = 0;
              const wait = (): void => void (at !== sent ? 0 : ++turns > 2000 ? stuck() : setImmediate(wait));
              wait();
              return;
            }
          }
        };
        pump();
      }),
    );
    const { running } = await proxy([peer.port]);
    const c = client(running);
    c.socket.removeAllListeners('data');
    c.socket.pause();
    c.send(get());
    await full;
    assert.ok(sent < total / 2, `${sent} of ${total} taken though nobody reads`);
    let got = 0;
    const whole = new Promise<void>((resolve) => {
      c.socket.on('data', (bytes: Buffer) => {
        got += bytes.length;
        if (got > total) resolve();
      });
    });
    c.socket.resume();
    await whole;
  });

  it('keeps the answer to HEAD and 304 without a body', async () => {
    const app = use(
      await TestApp.start((request, response) => {
        if (request.method === 'HEAD') response.writeHead(200, { 'content-length': '10' }).end();
        else response.writeHead(304, { etag: '"x"' }).end();
      }),
    );
    const { running } = await proxy([app.port]);
    const c = client(running).send(`HEAD / HTTP/1.1\r\nHost: app\r\n\r\n${get()}`);
    const text = await c.until(/etag/);
    assert.match(text, /content-length: 10\r\n[^]*HTTP\/1\.1 304/);
  });

  it('closes after an answer to HTTP/1.0, whose body ends with the connection', http1Only(), async () => {
    const peer = use(await TestPeer.start((socket) => void socket.end('HTTP/1.0 200 OK\r\n\r\nold')));
    const { running } = await proxy([peer.port]);
    const text = await client(running).send('GET / HTTP/1.0\r\nHost: app\r\n\r\n').end();
    assert.match(text, /connection: close\r\n\r\nold$/);
    const modern = await client(running)
      .send(get())
      .until(/0\r\n\r\n$/);
    assert.match(modern, /transfer-encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n$/);
  });

  it('passes 100-continue, and the body after it', async () => {
    const peer = use(
      await TestPeer.start((socket, _, { received }) => {
        if (received.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        if (received.endsWith('hello')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }),
    );
    const { running } = await proxy([peer.port]);
    const c = client(running).send('POST / HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    await c.until(/100 Continue\r\n\r\n/);
    c.send('hello');
    assert.match(await c.until(/ok$/), /HTTP\/1\.1 200 OK/);
  });

  it('takes the authority from an absolute-form target', async () => {
    const app = use(await TestApp.start());
    const { context, running } = await proxy([app.port]);
    await client(running).send('GET http://Orders.shop:8080/x?y HTTP/1.1\r\nHost: ignored\r\n\r\n').until(/ok$/);
    assert.equal(app.requests[0]!.headers.host, 'Orders.shop:8080');
    assert.equal(app.requests[0]!.url, '/x?y');
    assert.equal(context.records[0]!.authority, 'orders.shop:8080');
  });
});

describe('what is refused', () => {
  const refused: [string, string, RegExp][] = [
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'length and chunked',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a head too large', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['%00 in the path', 'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'an upgrade that no route allows',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      /^HTTP\/1\.1 403 /,
    ],
  ];
  for (const [what, request, answer] of refused) {
    const option = /^(?:two|length|no|a head)/.test(what) ? http1Only() : {};
    it(`${what}: the application never sees it`, option, async () => {
      const app = use(await TestApp.start());
      const { context, running } = await proxy([app.port]);
      assert.match(
        await client(running)
          .send(request)
          .until(/\r\n\r\n/),
        answer,
      );
      assert.equal(app.requests.length, 0);
      assert.equal(context.records.length, 1);
    });
  }

  it('a denied request gets 403 and Envoy’s words; the connection goes on', async () => {
    const app = use(await TestApp.start());
    const { context, running } = await proxy([app.port], {
      manager: { authorizers: [{ check: (_, r) => ({ allowed: r?.path !== '/secret', policy: 'p' }) }] },
    });
    const c = client(running).send(
      `POST /x/../secret HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${get('/fine')}`,
    );
    assert.match(await c.until(/ok$/), /^HTTP\/1\.1 403 Forbidden\r\n[^]*RBAC: access deniedHTTP\/1\.1 200 OK/);
    assert.equal(context.records[0]!.responseCodeDetails, 'rbac_access_denied_matched_policy[p]');
    assert.equal(app.requests.length, 1);
  });
});

it('a client that leaves after its answer, its body unsent, is recorded once', async () => {
  const { context, running } = await proxy([], {
    manager: { authorizers: [{ check: () => ({ allowed: false, policy: '' }) }] },
  });
  const c = client(running).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe');
  await c.until(/denied$/);
  c.socket.destroy();
  await running.close(true);
  await settle();
  assert.deepEqual(
    context.records.map((r) => r.responseCode),
    [403],
  );
});

describe('when the upstream fails', () => {
  it('a closed port is a 503 UF in Envoy’s words', async () => {
    const { context, running } = await proxy([await closedPort()]);
    const text = await client(running)
      .send(get())
      .until(/failure$/);
    assert.match(text, /^HTTP\/1\.1 503 /);
    assert.match(
      text,
      /upstream connect error or disconnect\/reset before headers\. reset reason: remote connection failure$/,
    );
    assert.equal(context.records[0]!.responseFlags, 'UF');
    assert.equal(
      context.records[0]!.responseCodeDetails,
      'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
    );
  });

  it('no endpoint is a 503 UH, no cluster NC, no route 404 NR', async () => {
    const { context, running, config } = await proxy([]);
    const c = client(running).send(get());
    assert.match(await c.until(/upstream$/), /no healthy upstream$/);
    context.clustersByName.clear();
    c.received = '';
    assert.match(await c.send(get()).until(/\r\n\r\n/), /^HTTP\/1\.1 503 /);
    running.update({ ...config, filterChains: [{ ...config.filterChains[0]!, network: manager(table(() => null)) }] });
    c.received = '';
    assert.match(await c.send(get()).until(/\r\n\r\n/), /^HTTP\/1\.1 404 /);
    assert.deepEqual(
      context.records.map((r) => r.responseFlags),
      ['UH', 'NC', 'NR'],
    );
  });

  it('a connection closed before the answer is a 503 UC for a POST', async () => {
    const peer = use(await TestPeer.start((socket) => void socket.destroy()));
    const { context, cluster, running } = await proxy([peer.port]);
    const c = client(running).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
    assert.match(await c.until(/termination$/), /^HTTP\/1\.1 503 /);
    assert.equal(context.records[0]!.responseFlags, 'UC');
    assert.equal(cluster.hosts[0]!.active, 0);
  });

  it('a change of protocol that nobody asked for is a 502 UPE', async () => {
    const peer = use(
      await TestPeer.start(
        (socket) => void socket.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes'),
      ),
    );
    const { cluster, context, running } = await proxy([peer.port]);
    assert.match(
      await client(running)
        .send(get())
        .until(/error$/),
      /^HTTP\/1\.1 502 /,
    );
    assert.equal(context.records[0]!.responseFlags, 'UPE');
    assert.equal(cluster.hosts[0]!.active, 0);
  });

  it('nonsense is a 502 UPE', async () => {
    const peer = use(await TestPeer.start((socket) => void socket.write('SSH-2.0-OpenSSH\r\n\r\n')));
    const { context, running } = await proxy([peer.port]);
    assert.match(
      await client(running)
        .send(get())
        .until(/error$/),
      /^HTTP\/1\.1 502 /,
    );
    assert.equal(context.records[0]!.responseFlags, 'UPE');
  });

  it('a broken body breaks the client’s connection', async () => {
    const peer = use(
      await TestPeer.start((socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')),
    );
    const { context, running } = await proxy([peer.port]);
    assert.match(await client(running).send(get()).end(), /half$/);
    assert.match(context.records[0]!.responseFlags, /UPE|UC/);
  });

  it('a kept connection that was closed under a GET is replaced without anyone noticing', async () => {
    let served = 0;
    const peer = use(
      await TestPeer.start((socket) => {
        // Every connection serves one request and closes when the second comes.
        if (served++ % 2 === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.destroy();
      }),
    );
    const { context, running } = await proxy([peer.port]);
    const c = client(running);
    await c.send(get()).until(/ok$/);
    c.received = '';
    assert.match(await c.send(get()).until(/ok$/), /^HTTP\/1\.1 200 /);
    assert.equal(context.records[1]!.attempts, 1);
    assert.equal(context.records[1]!.responseFlags, '-');
  });
});

describe('retries', () => {
  it('hide a 503 of one endpoint, body included, and count attempts', async () => {
    const bad = use(await TestApp.start((_, response) => void response.writeHead(503).end('no')));
    const good = use(await TestApp.start((_, response, body) => void response.end(`got ${body}`)));
    const { context, cluster, running } = await proxy([bad.port, good.port], {
      action: { retry: retryPolicy({ on: { serverError5xx: true } }) },
    });
    const c = client(running).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    assert.match(await c.until(/hello$/), /^HTTP\/1\.1 200 /);
    assert.equal(bad.requests[0]!.headers['x-envoy-attempt-count'], '1');
    assert.equal(good.requests[0]!.headers['x-envoy-attempt-count'], '2');
    assert.equal(context.records[0]!.attempts, 2);
    assert.deepEqual(
      cluster.hosts.map((h) => h.active),
      [0, 0],
    );
    assert.equal(cluster.activeRetries, 0);
  });

  it('end after as many as allowed, with the last answer and URX', async () => {
    const bad = use(await TestApp.start((_, response) => void response.writeHead(503).end('no')));
    const { context, running } = await proxy([bad.port], {
      action: { retry: retryPolicy({ on: { serverError5xx: true } }) },
    });
    assert.match(
      await client(running)
        .send(get())
        .until(/no\r\n0\r\n\r\n$/),
      /^HTTP\/1\.1 503 /,
    );
    assert.equal(bad.requests.length, 3);
    assert.equal(context.records[0]!.responseFlags, 'URX');
  });

  it('on connect failure go to another endpoint', async () => {
    const app = use(await TestApp.start());
    const { running } = await proxy([await closedPort(), app.port], {
      action: { retry: retryPolicy({ on: { connectFailure: true } }) },
    });
    assert.match(await client(running).send(get()).until(/ok$/), /^HTTP\/1\.1 200 /);
  });

  it('stay within the cluster’s limit', async () => {
    const bad = use(await TestApp.start((_, response) => void response.writeHead(503).end('no')));
    const { context, running, cluster } = await proxy([bad.port], {
      action: { retry: retryPolicy({ on: { serverError5xx: true } }) },
    });
    cluster.config = { ...cluster.config, limits: { ...cluster.config.limits, maxRetries: 0 } };
    await client(running)
      .send(get())
      .until(/no\r\n0\r\n\r\n$/);
    assert.equal(bad.requests.length, 1);
    assert.equal(context.records[0]!.responseFlags, 'UO');
  });

  it('happen when a try takes too long', async () => {
    const clock = new FakeClock();
    let requests = 0;
    const seen: (() => void)[] = [];
    const app = use(
      await TestApp.start((_, response) => {
        if (++requests > 1) response.end('ok');
        for (const f of seen.splice(0)) f();
      }),
    );
    const { running } = await proxy([app.port], {
      clock,
      action: { retry: retryPolicy({ on: { reset: true }, perTryTimeoutMs: 100 }) },
    });
    const arrived = new Promise<void>((resolve) => seen.push(resolve));
    const c = client(running).send(get());
    await arrived;
    await clock.advance(90);
    assert.equal(requests, 1);
    await clock.advance(30);
    await clock.advance(20);
    assert.match(await c.until(/ok$/), /^HTTP\/1\.1 200 /);
    assert.equal(requests, 2);
  });
});

describe('time', () => {
  it('a route’s timeout is a 504 UT and frees the endpoint', async () => {
    const clock = new FakeClock();
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const app = use(await TestApp.start(() => arrive()));
    const { context, cluster, running } = await proxy([app.port], { clock, action: { timeoutMs: 500 } });
    const c = client(running).send(get());
    await arrived;
    assert.equal(cluster.hosts[0]!.active, 1);
    await clock.advance(490);
    assert.equal(c.received, '');
    await clock.advance(30);
    assert.match(await c.until(/timeout$/), /^HTTP\/1\.1 504 [^]*upstream request timeout$/);
    assert.equal(context.records[0]!.responseFlags, 'UT');
    assert.equal(cluster.hosts[0]!.active, 0);
    assert.equal(app.requests[0]!.headers['x-envoy-expected-rq-timeout-ms'], '500');
  });

  it('an idle connection is closed, a slow head answered 408', http1Only(), async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start());
    const { running } = await proxy([app.port], {
      clock,
      manager: { connectionIdleTimeoutMs: 1000, requestHeadersTimeoutMs: 200 },
    });
    const idle = client(running);
    const slow = client(running);
    await idle.send(get()).until(/ok$/);
    slow.send(get()).send('GET / HT');
    await slow.until(/ok$/);
    slow.received = '';
    await clock.advance(250);
    assert.match(await slow.end(), /^HTTP\/1\.1 408 /);
    assert.equal(idle.ended, false);
    await clock.advance(1000);
    await idle.end();
  });
});

describe('circuit breakers', () => {
  it('refuse what is over max_requests with 503 UO', async () => {
    let finish = (): void => {};
    const app = use(
      await TestApp.start((_, response) => {
        finish = () => void response.end('ok');
      }),
    );
    const { context, running, cluster } = await proxy([app.port]);
    cluster.config = { ...cluster.config, limits: { ...cluster.config.limits, maxRequests: 1 } };
    const arrived = new Promise((resolve) => app.server.once('request', resolve));
    const first = client(running).send(get());
    await arrived;
    assert.match(
      await client(running)
        .send(get())
        .until(/overflow$/),
      /^HTTP\/1\.1 503 /,
    );
    finish();
    await first.until(/ok$/);
    assert.deepEqual(
      context.records.map((r) => r.responseFlags),
      ['UO', '-'],
    );
  });

  it('queue for the one connection allowed, up to the pending limit', async () => {
    const app = use(await TestApp.start());
    const { running, cluster } = await proxy([app.port]);
    cluster.config = { ...cluster.config, limits: { ...cluster.config.limits, maxConnections: 1 } };
    const clients = Array.from({ length: 5 }, () => client(running).send(get()));
    for (const c of clients) assert.match(await c.until(/ok$/), /^HTTP\/1\.1 200 /);
    assert.equal(app.connections, 1);
    assert.equal(cluster.pendingRequests, 0);
  });
});

describe('a request that waits for its connection', () => {
  for (const what of ['its host leaves', 'the certificate is rotated'] as const) {
    it(`is served though ${what} meanwhile, and the connection closes behind it`, async () => {
      const app = use(await TestApp.start());
      const { context, cluster, running } = await proxy([app.port]);
      const c = client(running).send(get());
      while (cluster.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve));
      const [host] = cluster.hosts;
      if (what === 'its host leaves') {
        Object.assign(host!, { removed: true });
        for (const fn of context.removed) fn(cluster, host!);
      } else {
        for (const connection of (host!.pool as HostPool).connections) connection.close();
      }
      assert.match(await c.until(/ok$/), /^HTTP\/1\.1 200 /);
      while (cluster.activeConnections > 0) await new Promise((resolve) => setImmediate(resolve));
    });
  }
});

describe('a client that goes away', () => {
  it('ends the request upstream and is recorded as DC', async () => {
    const app = use(await TestApp.start(() => {}));
    const { context, cluster, running } = await proxy([app.port]);
    const arrived = new Promise((resolve) => app.server.once('request', resolve));
    const c = client(running).send(get());
    await arrived;
    c.socket.destroy();
    while (context.records.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(context.records[0]!.responseFlags, 'DC');
    assert.equal(context.records[0]!.responseCode, 0);
    assert.equal(cluster.hosts[0]!.active, 0);
  });
});

describe('a listener', () => {
  it('says which port is in use', async () => {
    const { running, config, context } = await proxy([]);
    await assert.rejects(startListener({ ...config, port: running.port }, context), /127\.0\.0\.1:\d+ is in use/);
  });

  it('lets a request under way finish when it closes, and no other begin', http1Only(), async () => {
    let finish = (): void => {};
    const app = use(
      await TestApp.start((_, response) => {
        finish = () => void response.end('ok');
      }),
    );
    const { running } = await proxy([app.port]);
    const idle = client(running);
    const arrived = new Promise((resolve) => app.server.once('request', resolve));
    const c = client(running).send(get());
    await arrived;
    const closed = running.close(true);
    await idle.end();
    finish();
    assert.match(await c.end(), /connection: close\r\n\r\nok$/);
    await closed;
  });
});
