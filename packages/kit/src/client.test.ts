import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { connect, createServer as createTcpServer } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { type ClientOptions, createClient } from './client.ts';
import { proxyFor } from './client-connect.ts';
import { withPropagation } from './propagation.ts';
import { listen, urlOf } from './testing/servers.ts';

const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

const client = (options: ClientOptions = {}) => {
  const made = createClient({ env: {}, warn: (message) => assert.fail(message), ...options });
  closers.push(() => made.close());
  return made;
};

/** Answers with what it got; counts connections. */
const echo = async () => {
  const seen = { connections: 0, requests: 0 };
  const { server, url } = await listen((request, response) => {
    seen.requests++;
    void text(request).then((body) => respond(request, response, body));
  });
  const respond = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    const status = Number(request.headers['x-status'] ?? 200);
    response.writeHead(status, { 'set-cookie': ['a=1', 'b=2'] });
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  };
  server.on('connection', () => seen.connections++);
  return { url, seen };
};

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

describe('the client', () => {
  it('sends what fetch would, and answers with a Response', async () => {
    const { url } = await echo();
    const { fetch } = client();
    const response = await fetch(`${url}/a?b#c`, { method: 'put', body: 'hällo', headers: { 'X-Mine': 'm' } });
    assert.equal(response.status, 200);
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
    const got = (await response.json()) as Echo;
    assert.deepEqual([got.method, got.url, got.body], ['PUT', '/a?b', 'hällo']);
    assert.equal(got.headers['content-length'], '6');
    assert.equal(got.headers['x-mine'], 'm');
    assert.equal(got.headers.host, new URL(url).host);
  });

  it('takes every kind of body', async () => {
    const { url } = await echo();
    const { fetch } = client();
    const bodies: [NonNullable<RequestInit['body']>, string, RegExp][] = [
      [new URLSearchParams({ a: '1' }), 'a=1', /urlencoded/],
      [Buffer.from('bytes'), 'bytes', /^undefined$/],
      [
        Readable.toWeb(Readable.from([Buffer.from('a '), Buffer.from('stream')])) as ReadableStream<Uint8Array>,
        'a stream',
        /^undefined$/,
      ],
      [new Blob(['blob'], { type: 'text/x' }), 'blob', /text\/x/],
    ];
    for (const [body, sent, type] of bodies) {
      const got = (await (await fetch(url, { method: 'POST', body })).json()) as Echo;
      assert.equal(got.body, sent);
      assert.match(String(got.headers['content-type']), type);
    }
  });

  it('speaks no TLS of its own', async () => {
    await assert.rejects(client().fetch('https://orders/'), /no TLS of its own.*http:\/\//);
  });

  it('hands headers on without anything installed, the caller’s own winning', async () => {
    const { url } = await echo();
    const headers = { 'x-request-id': 'r1', traceparent: 't1' };
    const response = await withPropagation({ headers }, () =>
      client().fetch(url, { headers: { 'X-Request-Id': 'own' } }),
    );
    const got = (await response.json()) as Echo;
    assert.equal(got.headers['x-request-id'], 'own');
    assert.equal(got.headers.traceparent, 't1');
  });

  it('keeps connections', async () => {
    const { url, seen } = await echo();
    const { fetch } = client();
    for (let i = 0; i < 5; i++) await (await fetch(url)).text();
    assert.equal(seen.connections, 1);
  });

  it('gives up connecting after a second, with the reason', async () => {
    const { url } = await echo();
    const limits: number[] = [];
    const clock = new FakeClock();
    // Time is up before the connection can be there.
    clock.setTimer = (delayMs, fn) => {
      limits.push(delayMs);
      queueMicrotask(fn);
      return { cancel: () => {} };
    };
    for (const http2 of [false, true])
      await assert.rejects(client({ clock, http2 }).fetch(url), {
        name: 'ConnectTimeoutError',
        message: `no connection to ${new URL(url).host} in 1000 ms`,
      });
    assert.deepEqual(limits, [1_000, 1_000]);
  });

  it('takes an answer of no content, and follows no redirect', async () => {
    const { url, seen } = await echo();
    const { fetch } = client();
    assert.equal((await fetch(url, { headers: { 'x-status': '204' } })).body, null);
    assert.equal((await fetch(url, { headers: { 'x-status': '302' } })).status, 302);
    assert.equal(seen.requests, 2);
  });

  it('ends with the caller’s signal', async () => {
    const { url } = await listen(() => {});
    await assert.rejects(client().fetch(url, { signal: AbortSignal.timeout(20) }), { name: /AbortError|TimeoutError/ });
  });

  it('goes through the proxy that the environment names, in absolute form', async () => {
    const asked: string[] = [];
    const { url: proxy } = await listen((request, response) => {
      asked.push(`${request.url} ${request.headers.host}`);
      response.end();
    });
    await client({ env: { http_proxy: proxy, no_proxy: 'localhost' } }).fetch('http://orders/a?b');
    assert.deepEqual(asked, ['http://orders/a?b orders']);
  });

  it('knows which hosts need no proxy', () => {
    const direct = (url: string, list: string): boolean =>
      proxyFor(new URL(url), { HTTP_PROXY: 'p:1', NO_PROXY: list }) === null;
    assert.deepEqual(proxyFor(new URL('http://a/'), { HTTP_PROXY: 'http://127.0.0.9:15001' }), {
      host: '127.0.0.9',
      port: 15001,
    });
    assert.equal(proxyFor(new URL('http://a/'), {}), null);
    assert.ok(direct('http://localhost/', 'localhost,127.0.0.1'));
    assert.ok(direct('http://a.example.com/', '.example.com'));
    assert.ok(direct('http://a.example.com/', 'x, example.com'));
    assert.ok(direct('http://a:81/', 'a:81'));
    assert.ok(direct('http://a/', '*'));
    assert.ok(!direct('http://a/', 'a:81'));
    assert.ok(!direct('http://notexample.com/', 'example.com'));
    assert.ok(!direct('http://a/', ''));
  });
});

describe('HTTP/2 where asked', () => {
  const http2Echo = async () => {
    const seen = { sessions: 0 };
    const server = createHttp2Server((request, response) => {
      void text(request).then((body) =>
        response.end(
          JSON.stringify({ version: request.httpVersion, method: request.method, headers: request.headers, body }),
        ),
      );
    });
    const sessions: ServerHttp2Session[] = [];
    server.on('session', (session) => {
      seen.sessions++;
      sessions.push(session);
    });
    server.listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await once(server, 'listening');
    return { url: urlOf(server), seen, sessions };
  };

  it('sends many requests on one connection', async () => {
    const { url, seen } = await http2Echo();
    const { fetch } = client({ http2: true });
    const send = async (i: number) =>
      (await (
        await fetch(url, { method: 'POST', body: `b${i}`, headers: { connection: 'keep-alive' } })
      ).json()) as Echo & { version: string };
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => send(i)));
    assert.deepEqual(
      answers.map(({ body }) => body).sort(),
      Array.from({ length: 10 }, (_, i) => `b${i}`),
    );
    assert.equal(answers[0]?.version, '2.0');
    assert.equal(seen.sessions, 1);
  });

  it('opens another connection when the first is told to go', async () => {
    const { url, seen, sessions } = await http2Echo();
    const { fetch } = client({ http2: true });
    await (await fetch(url)).text();
    const [first] = sessions as [ServerHttp2Session];
    const closed = once(first, 'close');
    first.close();
    await closed;
    // The client hears of it a moment later; until then a request may still fail, and is the caller's to repeat.
    while (seen.sessions < 2) await fetch(url).then((response) => response.text(), settle);
    assert.equal((await fetch(url)).status, 200);
    assert.equal(seen.sessions, 2);
  });

  it('rejects where nobody listens, and where HTTP/2 is not spoken', async () => {
    const tcp = createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { fetch } = client({ http2: true });
    await assert.rejects(fetch(urlOf(tcp)));
    tcp.close();
    await assert.rejects(fetch('http://127.0.0.1:1/'), { code: 'ECONNREFUSED' });
  });

  it('goes through a proxy in a tunnel', async () => {
    const { url } = await http2Echo();
    const asked: string[] = [];
    const { server, url: proxy } = await listen(() => {});
    server.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      const upstream = connect(Number(new URL(url).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      socket.on('error', () => upstream.destroy());
    });
    const tunnelled = client({ http2: true, env: { http_proxy: proxy } });
    const got = (await (await tunnelled.fetch('http://orders/')).json()) as Echo;
    assert.equal(got.headers[':authority'], 'orders');
    assert.deepEqual(asked, ['orders:80']);
    const refusing = await listen(() => {});
    refusing.server.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    await assert.rejects(
      client({ http2: true, env: { http_proxy: refusing.url } }).fetch('http://orders/'),
      /answers 403 to CONNECT orders:80/,
    );
  });
});

describe('retries', () => {
  /** Fails so many times. */
  const flaky = async (failures: number, headers = {}) => {
    const seen = { requests: 0 };
    const { url } = await listen((request, response) => {
      request.resume();
      response.writeHead(++seen.requests <= failures ? 503 : 200, headers).end();
    });
    return { url, seen };
  };

  it('are none by default', async () => {
    const { url, seen } = await flaky(1);
    assert.equal((await client().fetch(url)).status, 503);
    await assert.rejects(client().fetch('http://127.0.0.1:1/'), { code: 'ECONNREFUSED' });
    assert.equal(seen.requests, 1);
  });

  it('repeat what can be repeated, so often and no more', async () => {
    const { url, seen } = await flaky(2);
    assert.equal((await client({ retries: 2, random: () => 0 }).fetch(url)).status, 200);
    assert.equal(seen.requests, 3);
    const down = await flaky(9);
    assert.equal((await client({ retries: 2, random: () => 0 }).fetch(down.url)).status, 503);
    assert.equal(down.seen.requests, 3);
  });

  it('do not repeat a POST that somebody may have seen, nor a stream', async () => {
    const { url, seen } = await flaky(1);
    assert.equal((await client({ retries: 2 }).fetch(url, { method: 'POST', body: 'x' })).status, 503);
    const body = Readable.toWeb(Readable.from([Buffer.from('x')])) as ReadableStream<Uint8Array>;
    const put = await flaky(1);
    assert.equal((await client({ retries: 2 }).fetch(put.url, { method: 'PUT', body })).status, 503);
    assert.deepEqual([seen.requests, put.seen.requests], [1, 1]);
  });

  it('repeat a POST that could not be sent', async () => {
    let waits = 0;
    const random = (): number => (waits++, 0);
    await assert.rejects(client({ retries: 3, random }).fetch('http://127.0.0.1:1/', { method: 'POST', body: 'x' }), {
      code: 'ECONNREFUSED',
    });
    assert.equal(waits, 3);
  });

  it('are warned of once where the mesh would retry too', async () => {
    const { url } = await flaky(0, { 'x-envoy-upstream-service-time': '3' });
    const plain = await flaky(0);
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const one = client({ retries: 2, warn });
    await one.fetch(plain.url);
    assert.deepEqual(warnings, []);
    await one.fetch(url);
    await one.fetch(url);
    assert.equal(warnings.length, 1);
    assert.match(String(warnings[0]), /retries up to 2 times, and so does the mesh.*attempts multiply/);
    client({ retries: 1, warn, env: { WEFT_READY_URL: 'http://127.0.0.1:1/' } });
    assert.equal(warnings.length, 2);
    client({ warn, env: { WEFT_READY_URL: 'http://127.0.0.1:1/' } });
    assert.equal(warnings.length, 2);
  });
});
