// What HTTP/2 has and HTTP/1 has not, through a proxy with real sockets; the client is Node's own.
import assert from 'node:assert/strict';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  sensitiveHeaders,
} from 'node:http2';
import { connect as netConnect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { defaultHttp2Settings } from '@weft/traffic/http2-settings';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { startListener } from './stack.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { Http2App } from './testing/http2-app.ts';
import { TestMesh, tlsConfig } from './testing/identities.ts';
import { TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const use = <T extends { close(): unknown }>(thing: T): T => {
  closers.push(() => thing.close());
  return thing;
};

const proxy = async (
  ports: number[],
  over: Parameters<typeof manager>[1] = {},
  clock?: FakeClock,
  action: Parameters<typeof forwardTo>[1] = {},
) => {
  const context = new TestContext(clock);
  const cluster = context.addCluster('app', ports);
  const running = await startListener(listener(manager(table(forwardTo('app', action)), over)), context);
  closers.push(() => running.close(false));
  const client = (settings = {}): ClientHttp2Session => {
    const session = connect(`http://127.0.0.1:${running.port}`, { settings });
    session.on('error', () => {});
    closers.push(() => session.destroy());
    return session;
  };
  return { context, cluster, running, client, stats: context.stats.http('test') };
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
  readonly code: number;
}

const answer = (stream: ClientHttp2Stream): Promise<Answer> =>
  new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let body = '';
    stream.on('response', (h) => (headers = h));
    stream.on('trailers', (t) => (trailers = t));
    stream.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
    stream.on('error', () => {});
    stream.on('close', () =>
      resolve({ status: Number(headers[':status'] ?? 0), headers, trailers, body, code: stream.rstCode }),
    );
  });

const until = async (condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !condition(); assert.ok(performance.now() < end, 'never'))
    await settle();
};

describe('a connection of HTTP/2', () => {
  it('carries many requests at once, each with its own answer', async () => {
    const waiting: (() => void)[] = [];
    const app = use(
      await TestApp.start((request, response, body) => {
        waiting.push(() => response.end(`${request.url} ${body}`));
        if (waiting.length === 100) for (const go of waiting.splice(0).reverse()) go();
      }),
    );
    const { context, client, stats } = await proxy([app.port]);
    const session = client();
    const answers = [...Array(100).keys()].map((i) => {
      const stream = session.request({ ':path': `/${i}`, ':method': 'POST' });
      stream.on('error', () => {});
      stream.end(`body ${i}`);
      return answer(stream);
    });
    assert.deepEqual(
      (await Promise.all(answers)).map((a) => a.body),
      [...Array(100).keys()].map((i) => `/${i} body ${i}`),
    );
    assert.equal(stats.downstream_cx_http2_total, 1);
    assert.equal(stats.downstream_rq_http2_total, 100);
    assert.equal(stats.downstream_cx_http1_total, 0);
    assert.ok(context.records.every((r) => r.protocol === 'HTTP/2'));
    session.close();
    await until(() => stats.downstream_cx_http2_active === 0);
  });

  it('is chosen by ALPN under TLS, and http/1.1 is where a client prefers that', async () => {
    const app = use(await TestApp.start());
    const mesh = new TestMesh();
    const context = new TestContext();
    context.tlsStore = mesh.store('b');
    context.addCluster('app', [app.port]);
    const tls = tlsConfig({ sni: '', alpn: ['h2', 'http/1.1'] });
    const config = listener(null as never, {
      inspectTls: true,
      filterChains: [chain(manager(table(forwardTo('app'))), tls)],
    });
    const running = await startListener(config, context);
    closers.push(() => running.close(false));
    const { chainPem, privateKeyPem } = mesh.credentials('a');
    const socket = (alpn: string[]) =>
      tlsConnect({
        port: running.port,
        host: '127.0.0.1',
        cert: chainPem,
        key: privateKeyPem,
        rejectUnauthorized: false,
        ALPNProtocols: alpn,
      });
    const session = connect('https://127.0.0.1', { createConnection: () => socket(['h2', 'http/1.1']) });
    closers.push(() => session.destroy());
    assert.equal((await answer(session.request({ ':path': '/h2' }))).status, 200);
    const old = new TestClient(0, socket(['http/1.1']));
    closers.push(() => old.socket.destroy());
    assert.match(await old.send('GET /h1 HTTP/1.1\r\nHost: a\r\n\r\n').until(/ok$/), /^HTTP\/1\.1 200/);
    assert.deepEqual(
      context.records.map((r) => r.protocol),
      ['HTTP/2', 'HTTP/1.1'],
    );
  });

  it('is told by its first bytes, however they come; a listener for one version takes no other', async () => {
    const app = use(await TestApp.start());
    const { running, stats } = await proxy([app.port]);
    const socket = netConnect(running.port, '127.0.0.1');
    closers.push(() => socket.destroy());
    let got = 0;
    socket.on('data', (bytes) => (got += bytes.length));
    for (const part of ['P', 'RI * HTTP/2.0\r\n', '\r\nSM\r\n\r', '\n\0\0\0\x04\0\0\0\0\0']) {
      socket.write(part, 'latin1');
      await settle();
    }
    await until(() => got > 0);
    assert.equal(stats.downstream_cx_http2_active, 1);
    const put = new TestClient(running.port);
    closers.push(() => put.socket.destroy());
    for (const part of ['P', 'U', 'T / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n']) {
      put.send(part);
      await settle();
    }
    assert.match(await put.until(/ok$/), /^HTTP\/1\.1 200/);
    const one = await proxy([app.port], { codec: 'http1' });
    assert.equal((await answer(one.client().request())).status, 0);
    const two = await proxy([app.port], { codec: 'http2' });
    assert.equal((await answer(two.client().request())).status, 200);
    const old = new TestClient(two.running.port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.doesNotMatch(await old.end(), /HTTP\/1/);
  });

  it('drains: what is under way ends, nothing new begins, then it is closed', async () => {
    let finish = (): void => {};
    const app = use(await TestApp.start((_, response) => void (finish = () => response.end('done'))));
    const { running, client } = await proxy([app.port]);
    const session = client();
    const pending = answer(session.request());
    await until(() => app.requests.length === 1);
    const closed = running.close(true);
    const last: number[] = [];
    session.on('goaway', (_code, lastStreamId) => last.push(lastStreamId));
    await until(() => last.length === 2);
    // A warning first, so that what the client sends at this moment is served too.
    assert.deepEqual(last, [2 ** 31 - 1, 1]);
    finish();
    assert.equal((await pending).body, 'done');
    await closed;
  });

  it('is asked to end with its next answer where the listener drains, or memory is short', async () => {
    const app = use(await TestApp.start());
    const { running, client, context } = await proxy([app.port]);
    for (const [why, status] of [
      ['drains', 200],
      ['is overloaded', 503],
    ] as const) {
      const session = client();
      assert.equal((await answer(session.request())).status, 200, why);
      if (status === 200) running.drain(true);
      else context.overload.shedding = true;
      const goaway = new Promise((resolve) => session.once('goaway', resolve));
      const closed = new Promise((resolve) => session.once('close', resolve));
      assert.equal((await answer(session.request())).status, status, why);
      await goaway;
      await closed;
      running.drain(false);
    }
  });

  it('ends when it has been idle, when it is as old as it may be, and when a frame is never finished', async () => {
    const app = use(await TestApp.start());
    const clock = new FakeClock();
    const over = { connectionIdleTimeoutMs: 5000, maxConnectionDurationMs: 60_000, requestHeadersTimeoutMs: 1000 };
    const { client, running, stats } = await proxy([app.port], over, clock);
    const idle = client();
    assert.equal((await answer(idle.request())).status, 200);
    const goaway = new Promise<number>((resolve) => idle.once('goaway', resolve));
    await clock.advance(4000);
    assert.equal((await answer(idle.request())).status, 200);
    await clock.advance(4900);
    assert.equal(idle.closed, false);
    await clock.advance(200);
    assert.equal(await goaway, constants.NGHTTP2_NO_ERROR);
    assert.equal(stats.downstream_cx_idle_timeout, 1);
    await until(() => stats.downstream_cx_http2_active === 0);

    const slow = new TestClient(running.port).send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x10\x01');
    await slow.until(/\x04/);
    await clock.advance(1100);
    assert.match(await slow.end(), /\x07\0/);
    assert.equal(stats.downstream_rq_header_timeout, 1);

    const old = client();
    const aged = new Promise((resolve) => old.once('goaway', resolve));
    for (let i = 0; i < 15; i++) {
      assert.equal((await answer(old.request())).status, 200);
      await clock.advance(4000);
    }
    await aged;
    assert.equal(stats.downstream_cx_max_duration_reached, 1);
  });

  it('that does not answer PING is given up', async () => {
    const clock = new FakeClock();
    const keepalive = { intervalMs: 1000, timeoutMs: 500, jitterPercent: 0, idleIntervalMs: 0 };
    const { client, running, context } = await proxy([], { http2: { ...defaultHttp2Settings, keepalive } }, clock);
    const alive = client();
    await new Promise((resolve) => alive.once('remoteSettings', resolve));
    const dead = new TestClient(running.port).send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
    await dead.until(/\x04/);
    await clock.advance(1100);
    await dead.until(/\0\0\x08\x06\0/);
    await new Promise((resolve) => alive.ping(resolve));
    await clock.advance(600);
    await dead.end();
    assert.equal(alive.destroyed, false);
    assert.equal(context.stats.http2.keepalive_timeout, 1);
  });
});

describe('a stream', () => {
  it('that is answered before its request’s end is asked to stop; the connection goes on', async () => {
    const { client, stats } = await proxy([], { authorizers: [{ check: () => ({ allowed: false, policy: '' }) }] });
    const session = client();
    const stream = session.request({ ':method': 'POST' });
    stream.write('a part');
    const refused = await answer(stream);
    assert.deepEqual([refused.status, refused.body, refused.code], [403, 'RBAC: access denied', 0]);
    const whole = session.request();
    assert.equal((await answer(whole)).status, 403);
    assert.equal(stats.downstream_rq_response_before_rq_complete, 1);
    await until(() => stats.downstream_rq_active === 0);
  });

  it('whose client takes nothing of the answer is given up in time, and holds up nobody', async () => {
    const app = use(await TestApp.start((_, response) => void response.end('x'.repeat(10_000))));
    const clock = new FakeClock();
    const { client, context } = await proxy([app.port], { streamIdleTimeoutMs: 5000 }, clock);
    const greedy = client({ initialWindowSize: 0 });
    const stuck = answer(greedy.request());
    assert.equal((await answer(client().request())).body.length, 10_000);
    await until(() => context.records.length === 2);
    await clock.advance(5100);
    assert.equal((await stuck).code, constants.NGHTTP2_CANCEL);
    assert.equal(context.stats.http2.tx_flush_timeout, 1);
    assert.equal(context.stats.http2.pending_send_bytes, 0);
  });

  it('that its client resets ends the request upstream, and is recorded as DR', async () => {
    const peer = use(await TestPeer.start(() => {}));
    const { client, context, cluster } = await proxy([peer.port]);
    const stream = client().request();
    stream.on('error', () => {});
    await until(() => peer.received !== '');
    const gone = new Promise((resolve) => peer.sockets[0]!.once('end', resolve));
    stream.close(constants.NGHTTP2_CANCEL);
    await gone;
    await until(() => context.records.length === 1);
    assert.equal(context.records[0]!.responseFlags, 'DR');
    assert.equal(cluster.activeRequests, 0);
  });

  it('with a body that is not as long as it said is no request: the application never has it as a whole', async () => {
    const app = use(await TestApp.start());
    const { client, context } = await proxy([app.port]);
    const session = client();
    for (const [length, body] of [
      [5, 'toolong'],
      [9, 'short'],
    ] as const) {
      const stream = session.request({ ':method': 'POST', 'content-length': length });
      stream.on('error', () => {});
      stream.end(body);
      assert.equal((await answer(stream)).code, constants.NGHTTP2_PROTOCOL_ERROR);
    }
    await until(() => context.records.length === 2);
    assert.equal(app.requests.length, 0);
    assert.deepEqual(
      context.records.map((r) => r.responseFlags),
      ['DPE', 'DPE'],
    );
  });

  it('is not read when the upstream takes nothing: what is gathered is bounded', async () => {
    const peer = use(await TestPeer.start((socket) => void socket.pause()));
    const { client, running } = await proxy([peer.port]);
    const stream = client().request({ ':method': 'POST' });
    stream.on('error', () => {});
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    for (let quiet = 0; quiet < 200; quiet++) {
      while (!stream.writableNeedDrain) {
        stream.write(chunk);
        sent += chunk.length;
        quiet = 0;
        assert.ok(sent < 64 * 1024 * 1024, 'it takes whatever comes');
      }
      await settle();
    }
    await running.close(false);
  });

  it('gives on no trailer that belongs to a connection of HTTP/1.1', async () => {
    const peer = use(
      await TestPeer.start((socket) => {
        const head =
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n';
        socket.write(`${head}\r\n2\r\nok\r\n0\r\nConnection: close\r\nKeep-Alive: timeout=9\r\nX-Sum: 7\r\n\r\n`);
      }),
    );
    const { client } = await proxy([peer.port]);
    const { status, headers, trailers, body, code } = await answer(client().request());
    assert.deepEqual([status, body, code], [200, 'ok', 0]);
    for (const name of ['connection', 'keep-alive', 'x-hop', 'transfer-encoding'])
      assert.equal(headers[name], undefined);
    assert.deepEqual(Object.entries(trailers), [['x-sum', '7']]);
  });

  it('gives trailers on, both ways, between the versions', async () => {
    const app = use(
      await TestApp.start((request, response) => {
        response.writeHead(200, { Trailer: 'x-sum' });
        response.write('body');
        response.addTrailers({ 'x-sum': String(request.trailers['x-t']) });
        response.end();
      }),
    );
    const { client } = await proxy([app.port]);
    const stream = client().request({ ':method': 'POST', te: 'trailers' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-t': '42' }));
    stream.end('request');
    const got = await answer(stream);
    assert.equal(got.body, 'body');
    assert.equal(got.trailers['x-sum'], '42');
    assert.equal(app.requests[0]!.trailers['x-t'], '42');
    assert.equal(app.requests[0]!.headers.te, 'trailers');
  });
});

describe('between HTTP/2 and HTTP/2', () => {
  it('what no table may keep is kept by none, on either hop, and is not for the answer either', async () => {
    const seen: unknown[] = [];
    const app = use(
      await Http2App.start((stream, headers) => {
        seen.push((headers as { [sensitiveHeaders]?: string[] })[sensitiveHeaders]);
        stream.respond({ ':status': 200, 'x-token': 'secret', [sensitiveHeaders]: ['x-token'] });
        stream.end();
      }),
    );
    const { client, cluster } = await proxy([app.port]);
    cluster.config = { ...cluster.config, protocol: 'http2' };
    const request = { 'x-key': 'secret', 'x-other': 'known', [sensitiveHeaders]: ['x-key'] };
    const { headers } = await answer(client().request(request));
    assert.deepEqual(seen, [['x-key']]);
    assert.deepEqual((headers as { [sensitiveHeaders]?: string[] })[sensitiveHeaders], ['x-token']);
  });
});

describe('gRPC', () => {
  it('is answered by the proxy itself in trailers alone', async () => {
    const { client, context } = await proxy([]);
    const stream = client().request({
      ':method': 'POST',
      ':path': '/a.B/C',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let ended = false;
    stream.on('response', (_, flags) => (ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0));
    stream.end();
    const { headers } = await answer(stream);
    assert.ok(ended, 'one frame says it all');
    assert.deepEqual(
      [
        headers[':status'],
        headers['content-type'],
        headers['grpc-status'],
        headers['grpc-message'],
        headers['content-length'],
      ],
      [200, 'application/grpc', '14', 'no healthy upstream', undefined],
    );
    assert.equal(context.records[0]!.grpcStatus, '14');
  });

  const call = { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' };

  it('has its status, in trailers, in the access log and in the metrics', async () => {
    const app = use(
      await TestApp.start((_, response) => {
        response.writeHead(200, { 'content-type': 'application/grpc', Trailer: 'grpc-status' });
        response.write('message');
        response.addTrailers({ 'grpc-status': '5' });
        response.end();
      }),
    );
    const { client, context } = await proxy([app.port]);
    const stream = client().request(call);
    stream.end();
    const { status, trailers } = await answer(stream);
    assert.deepEqual([status, trailers['grpc-status']], [200, '5']);
    assert.equal(context.records[0]!.grpcStatus, '5');
    assert.equal(context.requestLabels[0]!.requestProtocol, 'grpc');
  });

  it('waits as long as the caller says, where the route allows, and tells the next hop', async () => {
    const app = use(await TestApp.start(() => {}));
    const clock = new FakeClock();
    const grpcTimeout = { of: 'route', maxMs: 10_000, offsetMs: 0 } as const;
    const { client, context } = await proxy([app.port], {}, clock, { timeoutMs: 60_000, grpcTimeout });
    const stream = client().request({ ...call, 'grpc-timeout': '2S' });
    stream.end();
    const got = answer(stream);
    await until(() => app.requests.length === 1);
    assert.equal(app.requests[0]!.headers['grpc-timeout'], '2000m');
    await clock.advance(2100);
    assert.equal((await got).headers['grpc-status'], '14');
    assert.equal(context.records[0]!.responseFlags, 'UT');
  });
});
