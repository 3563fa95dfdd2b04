import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { type TestContext as Test, test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { defaultHttp2Settings } from '@weft/traffic/http2-settings';
import type { ClusterConfig } from '@weft/traffic/runtime-config';
import type { Host } from '../context.ts';
import { startListener } from '../stack.ts';
import { forwardTo, listener, manager, retryPolicy, table, TestContext } from '../testing/data-path.ts';
import { answer, Http2App, type OnStream } from '../testing/http2-app.ts';
import { TestClient, TestPeer } from '../testing/peers.ts';
import type { HostPool } from './host-pool.ts';

const http2 = { protocol: 'http2' as const };

/** Clients of HTTP/1.1 in front of a cluster of HTTP/2. */
const start = async (
  t: Test,
  onStream?: OnStream,
  options: {
    cluster?: Partial<ClusterConfig>;
    action?: Parameters<typeof forwardTo>[1];
    app?: Parameters<typeof Http2App.start>[1];
    clock?: FakeClock;
    manager?: Parameters<typeof manager>[1];
  } = {},
) => {
  const app = await Http2App.start(onStream, options.app);
  t.after(() => app.close());
  const context = new TestContext(options.clock);
  const cluster = context.addCluster('app', [app.port], { ...http2, ...options.cluster });
  const running = await startListener(
    listener(manager(table(forwardTo('app', options.action)), options.manager)),
    context,
  );
  t.after(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    return c;
  };
  const pool = (): HostPool => cluster.hosts[0]?.pool as HostPool;
  return { app, context, cluster, client, pool };
};

const get = (path = '/', headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: app\r\n${headers}\r\n`;

const until = async (what: () => boolean): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!what()) {
    assert.ok(performance.now() < deadline, `it did not come to ${what.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test('requests of many clients share one connection', async (t) => {
  const { app, client, cluster, context } = await start(
    t,
    answer((r) => `<${r.headers[':path']}>`, { 'x-a': 'b' }),
  );
  const clients = Array.from({ length: 20 }, (_, i) => client().send(get(`/${i}`)));
  for (const [i, c] of clients.entries()) {
    const text = await c.until(new RegExp(`</${i}>\r\n0\r\n\r\n$`));
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(text, /\r\nx-a: b\r\n/);
    assert.match(text, /\r\ntransfer-encoding: chunked\r\n/);
  }
  assert.equal(app.sessions.length, 1);
  assert.equal(cluster.stats.upstream_cx_http2_total, 1);
  assert.equal(cluster.stats.upstream_cx_http1_total, 0);
  assert.equal(cluster.stats.upstream_rq_total, 20);
  assert.deepEqual([cluster.activeRequests, cluster.pendingRequests, cluster.hosts[0]?.active], [0, 0, 0]);
  assert.equal(context.records[0]?.upstreamProtocol, 'HTTP/2');
  const { headers } = app.requests[0] ?? assert.fail();
  assert.deepEqual(
    [headers[':method'], headers[':authority'], headers[':scheme'], headers.host, headers.connection],
    ['GET', 'app', 'http', undefined, undefined],
  );
});

test('bodies and trailers go both ways, whatever way their length is told', async (t) => {
  const { app, client } = await start(
    t,
    answer((r) => r.body.toUpperCase(), {}, { 'x-sum': '7' }),
  );
  const c = client();
  c.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 3\r\n\r\nabc');
  await c.until(/ABC\r\n0\r\nx-sum: 7\r\n\r\n$/);
  c.received = '';
  c.send('POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n');
  c.send('1\r\nf\r\n0\r\nx-count: 3\r\n\r\n');
  await c.until(/DEF\r\n0\r\nx-sum: 7\r\n\r\n$/);
  assert.equal(app.requests[0]?.headers['content-length'], '3');
  assert.equal(app.requests[1]?.headers['transfer-encoding'], undefined);
  assert.equal(app.requests[1]?.trailers['x-count'], '3');
});

test('HEAD, 204 and an answer without a body leave the client’s connection usable', async (t) => {
  const { client } = await start(t, (stream, headers) => {
    const status = headers[':method'] === 'HEAD' ? 200 : Number(headers[':path']?.slice(1));
    stream.respond({ ':status': status, ...(status === 200 && { 'content-length': '5' }) }, { endStream: true });
  });
  const c = client().send('HEAD / HTTP/1.1\r\nHost: app\r\n\r\n');
  await c.until(/content-length: 5\r\n[^]*\r\n\r\n$/);
  c.received = '';
  assert.doesNotMatch(await c.send(get('/204')).until(/^HTTP\/1\.1 204 [^]*\r\n\r\n$/), /content-length|transfer/);
  c.received = '';
  assert.match(await c.send(get('/404')).until(/\r\n\r\n$/), /^HTTP\/1\.1 404 [^]*content-length: 0\r\n/);
});

test('a request beyond what the server takes at once waits, then goes over another connection', async (t) => {
  const held: (() => void)[] = [];
  const { app, client, cluster } = await start(
    t,
    (stream) => {
      held.push(() => {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    },
    { app: { settings: { maxConcurrentStreams: 2 } } },
  );
  const first = client().send(get('/0'));
  await until(() => held.length === 1);
  const clients = [first, ...[1, 2, 3].map((i) => client().send(get(`/${i}`)))];
  await until(() => held.length === 4);
  assert.equal(app.sessions.length, 2);
  assert.equal(cluster.stats.upstream_cx_overflow, 0);
  for (const go of held) go();
  for (const c of clients) await c.until(/ok\r\n0/);
});

test('the circuit breaker of connections makes the rest wait for a stream', async (t) => {
  const held: (() => void)[] = [];
  const { app, client, cluster } = await start(
    t,
    (stream) => {
      held.push(() => {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    },
    {
      cluster: {
        http2: { ...defaultHttp2Settings, maxConcurrentStreams: 1 },
        limits: {
          maxConnections: 1,
          maxPendingRequests: 1,
          maxRequests: 100,
          maxRetries: 0,
          retryBudget: null,
          maxRequestsPerConnection: 0,
        },
      },
    },
  );
  const first = client().send(get('/0'));
  await until(() => held.length === 1);
  const second = client().send(get('/1'));
  await until(() => cluster.pendingRequests === 1);
  await client()
    .send(get('/2'))
    .until(/^HTTP\/1\.1 503 [^]*overflow/);
  assert.ok(cluster.stats.upstream_cx_overflow > 0);
  assert.equal(cluster.stats.upstream_rq_pending_overflow, 1);
  held[0]?.();
  await first.until(/ok\r\n0/);
  await until(() => held.length === 2);
  held[1]?.();
  await second.until(/ok\r\n0/);
  assert.equal(app.sessions.length, 1);
});

test('a connection takes no more requests than it may, and ends when they are answered', async (t) => {
  const { app, client, cluster } = await start(t, answer(), {
    cluster: {
      limits: {
        maxConnections: 100,
        maxPendingRequests: 100,
        maxRequests: 100,
        maxRetries: 0,
        retryBudget: null,
        maxRequestsPerConnection: 2,
      },
    },
  });
  const c = client();
  for (let i = 0; i < 5; i++) {
    c.received = '';
    await c.send(get()).until(/ok\r\n0/);
  }
  assert.equal(app.sessions.length, 3);
  assert.equal(cluster.stats.upstream_cx_max_requests, 2);
  await until(() => cluster.activeConnections === 1);
});

/** As Istio's default has it: the body is kept for it. */
const refusedStream = { action: { retry: retryPolicy({ on: { refusedStream: true } }) } };

test('what a GOAWAY says was not processed is sent again, whatever it is; what was goes on', async (t) => {
  const seen: string[] = [];
  const { client, cluster, app } = await start(
    t,
    (stream, headers) => {
      seen.push(`${headers[':method']} ${headers[':path']}`);
      if (seen.length === 2) {
        // The second is refused together with the connection; the first is still answered.
        app.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, app.streams[0]?.id ?? 0);
        return;
      }
      if (seen.length === 1) return;
      stream.respond({ ':status': 200 });
      stream.end('again');
    },
    refusedStream,
  );
  const first = client().send(get('/1'));
  await until(() => seen.length === 1);
  const second = client().send('POST /2 HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi');
  await second.until(/again/);
  app.streams[0]?.respond({ ':status': 200 });
  app.streams[0]?.end('first');
  await first.until(/first/);
  assert.deepEqual(seen, ['GET /1', 'POST /2', 'POST /2']);
  assert.equal(cluster.stats.upstream_cx_close_notify, 1);
  await until(() => cluster.activeConnections === 1);
});

test('a refused stream is repeated, another reset is an answer of 503', async (t) => {
  let refuse = 1;
  const { client, context } = await start(
    t,
    (stream, headers) => {
      if (headers[':path'] === '/reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else if (refuse-- > 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      }
    },
    refusedStream,
  );
  const c = client();
  await c.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi').until(/^HTTP\/1\.1 200 [^]*ok\r\n0/);
  c.received = '';
  await c.send(get('/reset')).until(/^HTTP\/1\.1 503 [^]*remote reset/);
  assert.deepEqual(
    context.records.map((r) => [r.responseCode, r.responseFlags]),
    [
      [200, '-'],
      [503, 'UR'],
    ],
  );
});

test('retries by status, by gRPC’s status and after resets take another stream', async (t) => {
  let attempts = 0;
  const { client, context } = await start(
    t,
    (stream, headers) => {
      attempts++;
      if (headers[':path'] === '/grpc' && attempts % 2 === 1) {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' },
          { endStream: true },
        );
      } else if (attempts % 2 === 1) stream.close(constants.NGHTTP2_CANCEL);
      else {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      }
    },
    { action: { retry: retryPolicy({ on: { reset: true, grpcStatuses: [14] } }) } },
  );
  const c = client();
  await c.send(get('/')).until(/^HTTP\/1\.1 200 [^]*ok\r\n0/);
  c.received = '';
  await c.send(get('/grpc', 'content-type: application/grpc\r\n')).until(/^HTTP\/1\.1 200 [^]*ok\r\n0/);
  assert.equal(attempts, 4);
  assert.deepEqual(
    context.records.map((r) => r.attempts),
    [2, 2],
  );
});

test('a client that goes away takes its stream with it, and nothing else', async (t) => {
  const { client, app, cluster } = await start(t, (stream, headers) => {
    if (headers[':path'] === '/fast') {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }
  });
  const slow = client().send(get('/slow'));
  await until(() => app.streams.length === 1);
  slow.socket.destroy();
  await until(() => app.streams[0]?.closed === true);
  assert.equal(app.streams[0]?.rstCode, constants.NGHTTP2_CANCEL);
  await client()
    .send(get('/fast'))
    .until(/ok\r\n0/);
  assert.equal(app.sessions.length, 1);
  assert.equal(cluster.activeRequests, 0);
});

test('a body that its client does not read is not taken from the server, and others get theirs', async (t) => {
  const megabyte = Buffer.alloc(1 << 20, 97);
  let sent = 0;
  const { client } = await start(
    t,
    (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] !== '/big') {
        stream.end('ok');
        return;
      }
      const more = (): void => {
        while (sent < 64 && stream.write(megabyte)) sent++;
        if (sent < 64) stream.once('drain', more);
        else stream.end();
      };
      more();
    },
    { cluster: { http2: { ...defaultHttp2Settings, initialStreamWindow: 65_535 } } },
  );
  const big = client();
  big.socket.pause();
  big.send(get('/big'));
  let before = -1;
  // What is under way settles: the system's buffers, then nothing.
  while (before !== sent) {
    before = sent;
    for (let i = 0; i < 5; i++)
      await client()
        .send(get())
        .until(/ok\r\n0/);
  }
  assert.ok(sent < 32, `${sent} MB were taken`);
  let received = 0;
  big.socket.removeAllListeners('data');
  big.socket.on('data', (bytes) => {
    received += bytes.length;
  });
  big.socket.resume();
  await until(() => received > 64 << 20);
});

test('an upload that the server does not read is not taken from the client', async (t) => {
  const { client, app, cluster } = await start(t, (stream) => {
    stream.pause();
  });
  const c = client().send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 67108864\r\n\r\n');
  const chunk = Buffer.alloc(1 << 20, 97);
  for (let i = 0; i < 64; i++) c.socket.write(chunk);
  await until(() => cluster.stats.upstream_flow_control_backed_up_total > 0);
  let before = -1;
  while (before !== c.socket.bytesWritten - c.socket.writableLength) {
    before = c.socket.bytesWritten - c.socket.writableLength;
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(c.socket.writableLength > 16 << 20, 'most of it is still with the client');
  app.streams[0]?.on('end', () => {
    app.streams[0]?.respond({ ':status': 200 });
    app.streams[0]?.end('thanks');
  });
  app.streams[0]?.resume();
  await c.until(/thanks/);
});

test('idle connections end; so do those of a host that leaves, and of an old certificate, when their requests do', async (t) => {
  const clock = new FakeClock();
  const held: (() => void)[] = [];
  const { client, context, cluster, pool } = await start(
    t,
    (stream) => {
      held.push(() => {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    },
    { cluster: { idleTimeoutMs: 60_000 }, clock },
  );
  const c = client().send(get());
  await until(() => held.length === 1);
  await clock.advance(120_000);
  assert.equal(cluster.activeConnections, 1, 'it is in use');
  held[0]?.();
  await c.until(/ok\r\n0/);
  await clock.advance(61_000);
  await until(() => cluster.activeConnections === 0);
  assert.equal(cluster.stats.upstream_cx_idle_timeout, 1);
  c.received = '';
  c.send(get());
  await until(() => held.length === 2);
  const [host] = cluster.hosts as [Host];
  host.removed = true;
  for (const removed of context.removed) removed(cluster, host);
  assert.equal(pool().connectionCount, 1);
  held[1]?.();
  await c.until(/ok\r\n0/);
  await until(() => cluster.activeConnections === 0);
});

test('a server that does not answer PING is given up', async (t) => {
  const clock = new FakeClock();
  // SETTINGS, then an answer (200, end of stream) to each HEADERS; PINGs are not heard.
  const silent = await TestPeer.start((socket, bytes) => {
    if (bytes.includes('PRI *')) socket.write(Buffer.from('000000040000000000', 'hex'));
    const head = bytes.indexOf(Buffer.from('0105000000', 'hex'));
    if (head !== -1) socket.write(Buffer.from(`000001010500000001` + '88', 'hex'));
  });
  t.after(() => silent.close());
  const context = new TestContext(clock);
  const keepalive = { intervalMs: 10_000, timeoutMs: 2000, jitterPercent: 0, idleIntervalMs: 0 };
  const cluster = context.addCluster('app', [silent.port], {
    ...http2,
    http2: { ...defaultHttp2Settings, keepalive },
  });
  const running = await startListener(listener(manager(table(forwardTo('app')))), context);
  t.after(() => running.close(false));
  const c = new TestClient(running.port);
  t.after(() => c.socket.destroy());
  await c.send(get()).until(/^HTTP\/1\.1 200 [^]*\r\n\r\n/);
  await clock.advance(11_000);
  assert.equal(cluster.activeConnections, 1);
  await clock.advance(3000);
  await until(() => cluster.activeConnections === 0);
  assert.equal(cluster.stats.h2.keepalive_timeout, 1);
});

test('a connection that breaks takes all its streams; requests that may be are sent again', async (t) => {
  const { client, app } = await start(t, (stream, headers) => {
    if (app.sessions.length === 1 && headers[':path'] !== '/first') return;
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  await client()
    .send(get('/first'))
    .until(/ok\r\n0/);
  const read = client().send(get('/'));
  const post = client().send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi');
  await until(() => app.streams.length === 3);
  app.sockets[0]?.destroy();
  await read.until(/^HTTP\/1\.1 200 /);
  await post.until(/^HTTP\/1\.1 503 /);
});

test('WebSocket goes over HTTP/2 where the server takes extended CONNECT', async (t) => {
  const upgraded = async (enableConnectProtocol: boolean): Promise<string> => {
    const { client } = await start(
      t,
      (stream, headers) => {
        assert.deepEqual(
          [headers[':method'], headers[':protocol'], headers[':path']],
          ['CONNECT', 'websocket', '/chat'],
        );
        stream.respond({ ':status': 200, 'sec-websocket-protocol': 'x' });
        stream.on('data', (bytes: Buffer) => stream.write(bytes.toString().toUpperCase()));
        stream.on('end', () => stream.end());
      },
      { app: { settings: { enableConnectProtocol } }, manager: { upgrades: ['websocket'] } },
    );
    const c = client().send(get('/chat', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
    const head = await c.until(/\r\n\r\n/);
    if (!head.startsWith('HTTP/1.1 101')) return head;
    c.received = '';
    await c.send('hello').until(/HELLO/);
    c.socket.end();
    await c.end();
    return head;
  };
  assert.match(await upgraded(true), /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*upgrade: websocket\r\n/);
  assert.match(await upgraded(false), /^HTTP\/1\.1 502 /);
});
