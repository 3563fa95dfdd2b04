import assert from 'node:assert/strict';
import { type TestContext as Test, test } from 'node:test';
import fc from 'fast-check';
import { startListener } from '../stack.ts';
import { forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { answer, Http2App, type OnStream } from '../testing/http2-app.ts';
import { TestClient } from '../testing/peers.ts';
import { Base64Decoder } from './base64-stream.ts';
import { grpcWebOf } from './grpc-web-stream.ts';

const start = async (t: Test, onStream: OnStream, over: Parameters<typeof manager>[1] = {}) => {
  const app = await Http2App.start(onStream);
  t.after(() => app.close());
  const context = new TestContext();
  context.addCluster('app', [app.port], { protocol: 'http2' });
  const running = await startListener(
    listener(manager(table(forwardTo('app')), { grpcWeb: true, ...over }), { direction: 'inbound' }),
    context,
  );
  t.after(() => running.close(false));
  const client = new TestClient(running.port);
  t.after(() => client.socket.destroy());
  return { app, context, client };
};

const message = (text: string): string => {
  const length = Buffer.alloc(5);
  length.writeUInt32BE(text.length, 1);
  return length.toString('latin1') + text;
};

const post = (type: string, body: string, headers = ''): string =>
  `POST /test.Words/Upper HTTP/1.1\r\nHost: app\r\nContent-Type: ${type}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

/** The body of a chunked response. */
const bodyOf = (response: string): string => {
  let rest = response.slice(response.indexOf('\r\n\r\n') + 4);
  let body = '';
  for (;;) {
    const length = Number.parseInt(rest, 16);
    if (length === 0) return body;
    const from = rest.indexOf('\r\n') + 2;
    body += rest.slice(from, from + length);
    rest = rest.slice(from + length + 2);
  }
};

const upper = answer(
  ({ body }) => body.slice(0, 5) + body.slice(5).toUpperCase(),
  { 'content-type': 'application/grpc+proto' },
  { 'grpc-status': '0', 'grpc-message': 'fine' },
);
const trailers = 'grpc-status:0\r\ngrpc-message:fine\r\n';
const frame = `\x80${message(trailers).slice(1)}`;
const done = /\r\n0\r\n\r\n$/;

test('bytes: the application gets gRPC, the browser its trailers behind the body', async (t) => {
  const { app, context, client } = await start(t, upper);
  const response = await client
    .send(post('application/grpc-web+proto', message('hello'), 'X-Grpc-Web: 1\r\n'))
    .until(done);
  assert.match(response, /\r\ncontent-type: application\/grpc-web\+proto\r\n/);
  assert.equal(bodyOf(response), message('HELLO') + frame);
  const { headers, body } = app.requests[0] ?? assert.fail();
  assert.equal(body, message('hello'));
  assert.deepEqual(
    [headers['content-type'], headers.te, headers['content-length'], headers['x-grpc-web']],
    ['application/grpc', 'trailers', undefined, undefined],
  );
  assert.equal(context.records[0]?.grpcStatus, '0');
  assert.equal(context.requestLabels[0]?.requestProtocol, 'grpc');
});

test('base64: both ways, of texts that are padded each', async (t) => {
  const { app, client } = await start(t, upper);
  const whole = message('hello browser');
  const body = btoa(whole.slice(0, 7)) + btoa(whole.slice(7));
  const response = await client.send(post('application/grpc-web-text', body)).until(done);
  assert.match(response, /\r\ncontent-type: application\/grpc-web-text\+proto\r\n/);
  const parts = bodyOf(response).match(/[^=]+=*/g) ?? [];
  assert.equal(parts.map((part) => atob(part)).join(''), message('HELLO BROWSER') + frame);
  assert.equal(app.requests[0]?.body, whole);
});

test('an answer that is trailers alone, one of another kind, and one of our own', async (t) => {
  const { client, context } = await start(t, (stream, headers) => {
    if (headers['x-kind'] === 'other') {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<html>');
    } else
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
  });
  const none = await client.send(post('application/grpc-web', message('x'))).until(/\r\n\r\n$/);
  assert.match(none, /\r\ngrpc-status: 5\r\n/);
  assert.match(none, /\r\ncontent-type: application\/grpc-web\+proto\r\n/);
  client.received = '';
  const other = await client.send(post('application/grpc-web', message('x'), 'X-Kind: other\r\n')).until(done);
  assert.match(other, /\r\ncontent-type: text\/html\r\n/);
  assert.equal(bodyOf(other), '<html>');
  const bad = context.clustersByName.get('app') ?? assert.fail();
  bad.config = { ...bad.config, limits: { ...bad.config.limits, maxRequests: 0 } };
  client.received = '';
  const refused = await client.send(post('application/grpc-web-text', '')).until(/\r\n\r\n$/);
  assert.match(refused, /\r\ncontent-type: application\/grpc-web-text\+proto\r\ngrpc-status: 14\r\n/);
});

test('what is not base64 is answered, and other requests pass as they are', async (t) => {
  const { app, client } = await start(t, upper);
  await client.send(post('application/grpc-web-text', '!!!!')).until(/^HTTP\/1\.1 200 [^]*grpc-status: \d+\r\n/);
  client.received = '';
  await client.send(post('application/json', '     {}')).until(/\r\n0\r\ngrpc-status: 0\r\n[^]*\r\n\r\n$/);
  assert.equal(app.requests.at(-1)?.headers['content-type'], 'application/json');
  assert.equal(app.requests.at(-1)?.headers['content-length'], '7');
});

test('which requests are gRPC-Web, and what answers they take', () => {
  const of = (...headers: string[]) => {
    const web = grpcWebOf(headers);
    return web === null ? null : [web.textRequest, web.textResponse];
  };
  assert.equal(of('content-type', 'application/grpc'), null);
  assert.equal(of('content-type', 'application/grpc-webx'), null);
  assert.deepEqual(of('content-type', 'application/grpc-web'), [false, false]);
  assert.deepEqual(of('content-type', 'application/grpc-web-text;charset=utf-8'), [true, true]);
  assert.deepEqual(of('content-type', 'application/grpc-web+proto', 'accept', 'application/grpc-web-text'), [
    false,
    true,
  ]);
});

test('base64 is the same however it is cut, and nothing else is taken for it', () => {
  const decode = (text: string, cuts: readonly number[]): string | null => {
    const decoder = new Base64Decoder();
    const bytes: Buffer[] = [];
    let from = 0;
    for (const to of [...new Set([...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b)) {
      const piece = Buffer.from(text.slice(from, to), 'latin1');
      const part = decoder.push(piece, 0, piece.length);
      if (part === null) return null;
      bytes.push(part);
      from = to;
    }
    return decoder.complete ? Buffer.concat(bytes).toString('latin1') : null;
  };
  fc.assert(
    fc.property(fc.array(fc.uint8Array(), { maxLength: 4 }), fc.array(fc.nat(), { maxLength: 5 }), (texts, cuts) => {
      const buffers = texts.map((bytes) => Buffer.from(bytes));
      const text = buffers.map((bytes) => bytes.toString('base64')).join('');
      assert.equal(decode(text, cuts), Buffer.concat(buffers).toString('latin1'));
    }),
  );
  for (const bad of ['=AAA', 'A=AA', 'AA=A', 'AA*A', 'AAA', '====']) assert.equal(decode(bad, []), null, bad);
});
