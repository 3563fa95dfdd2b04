// Our session against Node's (nghttp2), each as server and as client, over a connection in memory.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { connectionPair } from '@weft/testkit/memory-network';
import { echo, Received, sessionOver } from '../testing/http2-peers.ts';
import type { Http2SessionEvents } from './events.ts';
import type { Http2Options } from './options.ts';
import type { Http2Session } from './session.ts';

const nodeClient = (
  t: TestContext,
  events: Partial<Http2SessionEvents>,
  options: Partial<Http2Options> = {},
  settings: http2.Settings = {},
): { client: http2.ClientHttp2Session; session: Http2Session } => {
  const [a, b] = connectionPair();
  const session = sessionOver(b, 'server', events, options);
  const client = http2.connect('http://weft.test', { createConnection: () => a, settings });
  t.after(() => {
    client.destroy();
    b.destroy();
  });
  return { client, session };
};

const nodeServer = (
  t: TestContext,
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  options: Partial<Http2Options> = {},
  settings: http2.Settings = {},
): Http2Session => {
  const [a, b] = connectionPair();
  const server = http2.createServer({ settings });
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    onStream(stream, headers);
  });
  server.emit('connection', b);
  t.after(() => {
    a.destroy();
    server.close();
  });
  return sessionOver(a, 'client', {}, options);
};

/** Everything Node says of one response. */
const answered = async (
  request: http2.ClientHttp2Stream,
): Promise<{ headers: http2.IncomingHttpHeaders; body: Buffer; trailers: http2.IncomingHttpHeaders }> => {
  let headers: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  request.on('response', (h) => void (headers = h));
  request.on('trailers', (h) => void (trailers = h));
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return { headers, body: Buffer.concat(chunks), trailers };
};

describe('Node as client', () => {
  it('gets an answer to a request without body', async (t) => {
    const { client } = nodeClient(t, { onStream: (stream) => stream.respond(204, ['x-a', 'b'], ['x-c', 'd'], true) });
    const { headers, body } = await answered(client.request({ ':path': '/books' }));
    assert.equal(headers[':status'], 204);
    assert.equal(headers['x-a'], 'b');
    assert.equal(headers['x-c'], 'd');
    assert.equal(body.length, 0);
  });

  it('gets its body back, many times what windows and frames hold', async (t) => {
    const { client } = nodeClient(
      t,
      { onStream: echo },
      { initialStreamWindow: 70_000, initialConnectionWindow: 90_000 },
    );
    const sent = Buffer.alloc(3_000_000, 'abcdefghijklmnopqrstuvwxyz');
    const request = client.request({ ':method': 'POST', ':path': '/echo' });
    request.end(sent);
    const { headers, body } = await answered(request);
    assert.equal(headers['x-path'], '/echo');
    assert.ok(body.equals(sent));
  });

  it('has hundreds of requests answered at once, each with its own', async (t) => {
    const { client, session } = nodeClient(t, { onStream: echo });
    const all = Array.from({ length: 300 }, async (_, i) => {
      const request = client.request({ ':method': 'POST', ':path': `/${i}`, 'x-n': String(i % 7) });
      request.end(`body ${i}`);
      const { headers, body } = await answered(request);
      assert.equal(headers['x-path'], `/${i}`);
      assert.equal(body.toString(), `body ${i}`);
    });
    await Promise.all(all);
    assert.equal(session.totalStreams, 300);
    assert.equal(session.activeStreams, 0);
  });

  it('gets informational responses and trailers', async (t) => {
    const { client } = nodeClient(t, {
      onStream(stream) {
        stream.informational(103, ['link', '</style.css>']);
        stream.respond(200, ['content-type', 'application/grpc'], [], false);
        stream.data(Buffer.from('hello'), 0, 5);
        stream.end(['grpc-status', '0']);
      },
    });
    const request = client.request({ ':path': '/' });
    const hints: unknown[] = [];
    request.on('headers', (headers) => hints.push(headers.link));
    const { body, trailers } = await answered(request);
    assert.deepEqual(hints, ['</style.css>']);
    assert.equal(body.toString(), 'hello');
    assert.equal(trailers['grpc-status'], '0');
  });

  it('sends huge headers, and gets such', async (t) => {
    const { client } = nodeClient(t, { onStream: (stream, head) => stream.respond(200, head.headers, [], true) });
    const { headers } = await answered(client.request({ ':path': '/', 'x-big': 'x'.repeat(40_000) }));
    assert.equal(headers['x-big'], 'x'.repeat(40_000));
  });

  it('is told that it is time to go, and finishes what it began', async (t) => {
    const goaways: number[] = [];
    const { client, session } = nodeClient(t, { onStream: echo });
    client.on('goaway', (code, last) => goaways.push(code, last));
    const request = client.request({ ':method': 'POST', ':path': '/slow' });
    request.write('first ');
    await new Promise((resolve) => request.once('response', resolve));
    session.drain();
    await new Promise((resolve) => client.once('goaway', resolve));
    request.end('last');
    const { body } = await answered(request);
    assert.equal(body.toString(), 'first last');
    assert.deepEqual(goaways.slice(0, 2), [0, 0x7fffffff]);
  });

  it('may open a tunnel for another protocol where that is allowed', async (t) => {
    const { client } = nodeClient(
      t,
      {
        onStream(stream, head) {
          assert.equal(head.protocol, 'websocket');
          echo(stream, head);
        },
      },
      { enableConnect: true },
    );
    await new Promise((resolve) => client.once('remoteSettings', resolve));
    const request = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' });
    request.end('ping');
    const { headers, body } = await answered(request);
    assert.equal(headers['x-path'], '/chat');
    assert.equal(body.toString(), 'ping');
  });
});

describe('Node as server', () => {
  it('answers a request with body and trailers, and gets those of the request', async (t) => {
    let requestTrailers: http2.IncomingHttpHeaders = {};
    const session = nodeServer(t, (stream, headers) => {
      stream.on('trailers', (h) => void (requestTrailers = h));
      stream.respond(
        { ':status': 200, 'x-path': headers[':path'], 'x-host': headers[':authority'] },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
      stream.pipe(stream);
    });
    const received = new Received();
    const stream = session.openStream(
      received,
      'POST',
      'http',
      'a.test:80',
      '/p?q',
      '',
      ['te', 'trailers'],
      ['x-b', 'c'],
      false,
    );
    stream?.data(Buffer.from('one '), 0, 4);
    stream?.data(Buffer.from('two'), 0, 3);
    stream?.end(['x-check', 'sum']);
    await received.done;
    assert.equal(received.head?.status, 200);
    assert.deepEqual(received.head?.headers.slice(0, 4), ['x-path', '/p?q', 'x-host', 'a.test:80']);
    assert.equal(received.body.toString(), 'one two');
    assert.deepEqual(received.trailers, ['x-sum', '42']);
    assert.equal(requestTrailers['x-check'], 'sum');
    assert.equal(session.activeStreams, 0);
  });

  it('takes and sends megabytes through small windows, held in bounded room', async (t) => {
    const session = nodeServer(
      t,
      (stream) => {
        stream.respond();
        stream.pipe(stream);
      },
      { initialStreamWindow: 65_535 },
    );
    const received = new Received();
    const stream = session.openStream(received, 'POST', 'http', 'a', '/', '', [], [], false);
    assert.ok(stream);
    const chunk = Buffer.alloc(20_000, 'x');
    let left = 150;
    let most = 0;
    const pump = (): void => {
      while (left > 0 && !stream.blocked) {
        stream.data(chunk, 0, chunk.length);
        left--;
        most = Math.max(most, stream.heldBytes);
      }
      if (left === 0) stream.end([]);
    };
    received.onWritable = pump;
    pump();
    await received.done;
    assert.equal(received.body.length, 150 * 20_000);
    assert.ok(most <= 64 * 1024 + chunk.length, `${most}`);
  });

  it('refuses, resets and ends the connection, and each request hears of it', async (t) => {
    const session = nodeServer(t, (stream, headers) => {
      if (headers[':path'] === '/reset') stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
      else stream.session?.destroy();
    });
    const reset = new Received();
    session.openStream(reset, 'GET', 'http', 'a', '/reset', '', [], [], true);
    await reset.done;
    assert.deepEqual(reset.reset, { code: http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, remote: true });
    const lost = new Received();
    session.openStream(lost, 'GET', 'http', 'a', '/destroy', '', [], [], true);
    await lost.done;
    assert.equal(lost.reset?.remote, true);
    assert.equal(session.canOpen, false);
  });
});
