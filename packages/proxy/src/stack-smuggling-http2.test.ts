// What HTTP/2 can say and HTTP/1.1 must never carry: the application, which speaks HTTP/1.1, sees none of it.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { settle } from '@weft/testkit/fake-clock';
import { clientPreface, dataFrame, headersFrame, parseFrames } from '@weft/wire/testing/http2-frames';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const head = (over: Record<string, string>, ...more: string[]): string[] =>
  Object.entries({ ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'a', ...over })
    .flat()
    .concat(more);

const inner = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

/** Heads, with a body or without, that must not reach the application. */
const refused: Record<string, readonly [fields: string[], body?: string]> = {
  'a line break in a value': [head({}, 'x', `y\r\n\r\n${inner}`)],
  'a bare LF in a value': [head({}, 'x', 'y\nz: 1')],
  'NUL in a value': [head({}, 'x', 'y\0z')],
  'a line break in a name': [head({}, 'x: y\r\nz', '1')],
  'a colon in a name': [head({}, 'transfer-encoding: chunked', '1')],
  'a space in a name': [head({}, 'transfer-encoding ', 'chunked')],
  'an upper case name': [head({}, 'Content-Length', '0')],
  'an empty name': [head({}, '', 'x')],
  'a line break in the path': [head({ ':path': `/ HTTP/1.1\r\nHost: a\r\n\r\n${inner}` })],
  'a space in the path': [head({ ':path': '/ HTTP/1.1' })],
  'a path without a slash': [head({ ':path': 'x' })],
  'an empty path': [head({ ':path': '' })],
  'an absolute path': [head({ ':path': 'http://b/' })],
  'a line break in the method': [head({ ':method': 'GET / HTTP/1.1\r\nX: y' })],
  'a space in the method': [head({ ':method': 'GET /admin' })],
  'a line break in the authority': [head({ ':authority': 'a\r\nX: y' })],
  'a user in the authority': [head({ ':authority': 'me@a' })],
  'a path in the authority': [head({ ':authority': 'a/b' })],
  'another host than the authority': [head({}, 'host', 'b')],
  'two hosts': [head({}, 'host', 'a', 'host', 'a')],
  'a scheme with a line break': [head({ ':scheme': 'http\r\nx: y' })],
  'transfer-encoding': [head({ ':method': 'POST' }, 'transfer-encoding', 'chunked'), `0\r\n\r\n${inner}`],
  connection: [head({}, 'connection', 'x')],
  'proxy-connection': [head({}, 'proxy-connection', 'keep-alive')],
  'keep-alive': [head({}, 'keep-alive', 'timeout=1')],
  upgrade: [head({}, 'upgrade', 'websocket')],
  'te other than trailers': [head({}, 'te', 'chunked')],
  'two lengths': [head({ ':method': 'POST' }, 'content-length', '5', 'content-length', '5'), 'hello'],
  'a list of lengths': [head({ ':method': 'POST' }, 'content-length', '5, 5'), 'hello'],
  'a signed length': [head({ ':method': 'POST' }, 'content-length', '+5'), 'hello'],
  'a length of less than the body': [head({ ':method': 'POST' }, 'content-length', '0'), inner],
  'a length of more than the body': [head({ ':method': 'POST' }, 'content-length', '99'), 'hello'],
  'a pseudo-header behind others': [head({}, 'x', 'y', ':protocol', 'x')],
  'two paths': [head({}, ':path', '/admin')],
  'an unknown pseudo-header': [head({}, ':host', 'b')],
  'a response’s pseudo-header': [head({}, ':status', '200')],
  'a protocol without CONNECT': [head({ ':protocol': 'websocket' })],
  'CONNECT with a path': [head({ ':method': 'CONNECT' })],
};

const send = async (...frames: Buffer[]) => {
  const app = await TestApp.start();
  closers.push(() => app.close());
  const context = new TestContext();
  context.addCluster('app', [app.port]);
  const running = await startListener(listener(manager(table(forwardTo('app')), { upgrades: ['connect'] })), context);
  closers.push(() => running.close(false));
  const c = new TestClient(running.port);
  closers.push(() => c.socket.destroy());
  c.socket.write(Buffer.concat([clientPreface, ...frames]));
  return { app, c, frames: () => parseFrames(Buffer.from(c.received, 'latin1')) };
};

const DATA = 0;
const RST_STREAM = 3;
const GOAWAY = 7;

describe('what HTTP/1.1 cannot carry is refused', () => {
  for (const [what, [fields, body]] of Object.entries(refused)) {
    it(what, async () => {
      const bytes = body === undefined ? [] : [dataFrame(1, body, true)];
      const { app, frames } = await send(headersFrame(1, fields, body === undefined), ...bytes);
      const over = (): boolean =>
        frames().some((f) => (f.type === RST_STREAM && f.streamId === 1) || f.type === GOAWAY);
      for (const end = performance.now() + 5000; !over(); assert.ok(performance.now() < end, 'never refused'))
        await settle();
      assert.deepEqual(app.requests, []);
    });
  }
});

it('what is allowed reaches the application as one request, exactly', async () => {
  const fields = head(
    { ':method': 'POST', ':path': '/x?y' },
    'x',
    'a\tb \x80',
    'cookie',
    'a=1',
    'cookie',
    'b=2',
    'te',
    'trailers',
  );
  const { app, frames } = await send(headersFrame(1, fields, false), dataFrame(1, inner, true));
  const over = (): boolean => frames().some((f) => f.type === DATA && (f.flags & 1) !== 0);
  for (const end = performance.now() + 5000; !over(); assert.ok(performance.now() < end, 'never')) await settle();
  const [request, ...others] = app.requests;
  assert.deepEqual(others, []);
  assert.equal(request!.body, inner);
  assert.equal(request!.headers.cookie, 'a=1; b=2');
  assert.equal(request!.headers.x, 'a\tb \x80');
  assert.equal(request!.headers['transfer-encoding'], 'chunked');
});
