import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Server, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { FakeClock } from '@weft/testkit/fake-clock';
import fc from 'fast-check';
import { openStream, unary } from './client.ts';
import { frameMessage, MessageAssembler } from './messages.ts';
import { type GrpcHandler, serveGrpc, unaryHandler } from './server.ts';
import { decodeGrpcMessage, encodeGrpcMessage, GrpcError, type GrpcStatus } from './status.ts';

const opened: { server: Http2Server; session: ClientHttp2Session }[] = [];
afterEach(() => {
  for (const { server, session } of opened.splice(0)) {
    session.destroy();
    server.close();
  }
});

const start = async (
  routes: Record<string, GrpcHandler>,
  onError?: (error: unknown, path: string) => void,
): Promise<ClientHttp2Session> => {
  const server = createServer();
  serveGrpc(server, new Map(Object.entries(routes)), { maxMessageBytes: 1_000_000, ...(onError && { onError }) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  opened.push({ server, session });
  return session;
};

const text = (message: Uint8Array): string => Buffer.from(message).toString();
const call = (session: ClientHttp2Session, path: string, request = 'x') =>
  unary(session, path, Buffer.from(request), { clock: systemClock, timeoutMs: 5000 });
const fails = (promise: Promise<unknown>, code: number, message: string | RegExp): Promise<void> =>
  assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof GrpcError);
    assert.equal(error.code, code);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });

/** An HTTP/2 request by hand: its status, and whatever trailers came. */
const raw = async (session: ClientHttp2Session, headers: Record<string, string>, body?: Buffer) => {
  const stream = session.request({ ':method': 'POST', ...headers });
  let all: IncomingHttpHeaders = {};
  stream.on('response', (h) => {
    all = { ...all, ...h };
  });
  stream.on('trailers', (h) => {
    all = { ...all, ...h };
  });
  stream.resume();
  stream.end(body);
  await once(stream, 'close');
  return { status: all[':status'], grpc: all['grpc-status'], message: all['grpc-message'] };
};
const GRPC = { 'content-type': 'application/grpc' };

test('a unary call is answered', async () => {
  const session = await start({ '/s/echo': unaryHandler((request) => Buffer.from(`got ${text(request)}`)) });
  assert.equal(text(await call(session, '/s/echo', 'hello')), 'got hello');
});

test('a handler chooses the status; what it throws otherwise stays inside, and is reported', async () => {
  const reported: unknown[] = [];
  const session = await start(
    {
      '/s/denied': unaryHandler(() => Promise.reject(new GrpcError(7, 'nö: 100 %\n'))),
      '/s/broken': unaryHandler(() => Promise.reject(new Error('password is x'))),
    },
    (error, path) => reported.push(`${path} ${String(error)}`),
  );
  await fails(call(session, '/s/denied'), 7, 'nö: 100 %\n');
  await fails(call(session, '/s/broken'), 13, 'internal error');
  assert.deepEqual(reported, ['/s/broken Error: password is x']);
});

test('what is not a call of a known method is told so', async () => {
  const session = await start({ '/s/echo': unaryHandler((r) => r) });
  await fails(call(session, '/s/none'), 12, 'no method /s/none');
  assert.deepEqual(await raw(session, { ':path': '/s/echo', 'content-type': 'text/plain' }), {
    status: 415,
    grpc: undefined,
    message: undefined,
  });
  const gzip = await raw(session, { ':path': '/s/echo', 'grpc-encoding': 'gzip', ...GRPC }, frameMessage([]));
  assert.deepEqual(gzip, { status: 200, grpc: '12', message: 'grpc-encoding gzip' });
});

test('a compressed, too large, cut off, second or missing message fails the call', async () => {
  const session = await start({ '/s/echo': unaryHandler((r) => r) });
  const one = frameMessage([Buffer.from('x')]);
  const compressed = Buffer.from(one);
  compressed[0] = 1;
  const tooLarge = Buffer.from([0, 0x7f, 0, 0, 0]);
  const path = { ':path': '/s/echo', ...GRPC };
  assert.equal((await raw(session, path, compressed)).grpc, '12');
  assert.deepEqual(await raw(session, path, tooLarge), {
    status: 200,
    grpc: '8',
    message: 'a message of 2130706432 bytes; the limit is 1000000',
  });
  assert.equal((await raw(session, path, one.subarray(0, 5))).grpc, '13');
  assert.equal((await raw(session, path, Buffer.concat([one, one]))).grpc, '3');
  assert.equal((await raw(session, path)).grpc, '3');
});

test('a call that is not answered in time fails, and the server learns that nobody waits', async () => {
  const clock = new FakeClock();
  let status: GrpcStatus | undefined;
  let wake = (): void => {};
  const asked = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const ended = Promise.withResolvers<void>();
  const session = await start({
    '/s/never': (stream) => {
      stream.onMessage(() => wake());
      stream.onClose((s) => {
        status = s;
        ended.resolve();
      });
    },
  });
  const answer = unary(session, '/s/never', Buffer.from('x'), { clock, timeoutMs: 1000 });
  await asked;
  const failed = fails(answer, 4, 'no answer to /s/never in 1000 ms');
  await clock.advance(1000);
  await failed;
  await ended.promise;
  assert.equal(status?.code, 1);
});

test('a connection that breaks ends its calls with UNAVAILABLE, and later ones too', async () => {
  const session = await start({
    '/s/break': (stream, { socket }) => {
      stream.onClose(() => {});
      stream.onMessage(() => socket.end());
    },
  });
  session.on('error', () => {});
  const stream = openStream(session, '/s/break');
  const status = new Promise<GrpcStatus>((resolve) => stream.onClose(resolve));
  stream.write(Buffer.from('x'));
  session.destroy();
  assert.ok([14, 1].includes((await status).code));
  await fails(call(session, '/s/echo'), 14, 'the connection is closed');
});

test('both sides send as they like, and each hears how the other ended', async () => {
  const heard: string[] = [];
  const ended = Promise.withResolvers<void>();
  const session = await start({
    '/s/chat': (stream) => {
      stream.onMessage((m) => {
        stream.write([Buffer.from('re: '), m]);
      });
      stream.onEnd(() => {
        heard.push('client ended');
        stream.write(Buffer.from('bye'));
        stream.end();
      });
      stream.onClose((status) => {
        heard.push(`closed ${status.code}`);
        ended.resolve();
      });
    },
  });
  const stream = openStream(session, '/s/chat');
  const received: string[] = [];
  const closed = new Promise<GrpcStatus>((resolve) => stream.onClose(resolve));
  const two = Promise.withResolvers<void>();
  stream.onMessage((m) => {
    received.push(text(m));
    if (received.length === 2) two.resolve();
  });
  stream.write(Buffer.from('a'));
  stream.write(Buffer.from('b'));
  await two.promise;
  stream.end();
  assert.deepEqual(await closed, { code: 0, message: '' });
  await ended.promise;
  assert.deepEqual(received, ['re: a', 're: b', 'bye']);
  assert.deepEqual(heard, ['client ended', 'closed 0']);
});

test('a writer is told to wait when the peer does not read, and when to go on', async () => {
  const drained = Promise.withResolvers<void>();
  const session = await start({
    '/s/flood': (stream) => {
      stream.onClose(() => {});
      stream.onMessage(() => {});
      let more = true;
      while (more) more = stream.write(Buffer.alloc(65_536));
      stream.onDrain(() => {
        drained.resolve();
        stream.end();
      });
    },
  });
  const stream = openStream(session, '/s/flood');
  const closed = new Promise<GrpcStatus>((resolve) => stream.onClose(resolve));
  stream.write(Buffer.from('x'));
  await new Promise((resolve) => setImmediate(resolve));
  stream.onMessage(() => {});
  await drained.promise;
  stream.end();
  assert.equal((await closed).code, 0);
});

describe('messages', () => {
  test('arrive whole and in order, however the bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((m) => frameMessage([m.subarray(0, 3), m.subarray(3)])));
        const received: number[][] = [];
        const assembler = new MessageAssembler(100, (m) => received.push([...m]));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length] as number;
          assembler.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(
          received,
          sent.map((m) => [...m]),
        );
        assert.ok(assembler.idle);
      }),
    );
  });

  test('a status message survives its encoding, whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (message) => {
        const encoded = encodeGrpcMessage(message);
        assert.match(encoded, /^[\x20-\x7e]*$/);
        assert.equal(decodeGrpcMessage(encoded), message);
      }),
    );
  });
});
