// Hostile clients at the proxy's own listener, one connection each, while another client's requests go on being answered.
// What the codec alone does is tested in wire/src/http2/attacks.test.ts.
import assert from 'node:assert/strict';
import { connect as http2Connect, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext as Test } from 'node:test';
import {
  clientPreface,
  dataFrame,
  frame,
  headersFrame,
  parseFrames,
  rawBlock,
  request,
  settingsFrame,
  uint32,
} from '@weft/wire/testing/http2-frames';
import { errorCodes } from '@weft/wire/http2/error-codes';
import { flag, frameType } from '@weft/wire/http2/frame-types';
import type { HttpConnectionManagerConfig } from '@weft/traffic/runtime-config';
import { startListener } from './stack.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp } from './testing/peers.ts';

const MB = 1024 * 1024;

const until = async (what: string, condition: () => boolean, seconds = 15): Promise<void> => {
  for (const end = performance.now() + seconds * 1000; !condition(); assert.ok(performance.now() < end, what))
    await new Promise((resolve) => setTimeout(resolve, 2));
};

/** A connection that the test writes byte by byte. */
class Attacker {
  readonly socket: Socket;
  readonly #parts: Buffer[] = [];
  closed = false;

  constructor(t: Test, port: number, bytes: Buffer = clientPreface) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (part: Buffer) => void this.#parts.push(part));
    this.socket.on('error', () => undefined);
    this.socket.on('end', () => void (this.closed = true));
    this.socket.on('close', () => void (this.closed = true));
    t.after(() => this.socket.destroy());
    this.socket.write(bytes);
  }

  send(...frames: Buffer[]): void {
    if (!this.closed) this.socket.write(Buffer.concat(frames));
  }

  /** Code of the GOAWAY that it was sent, or -1. */
  get goaway(): number {
    const found = parseFrames(Buffer.concat(this.#parts)).find((f) => f.type === frameType.GOAWAY);
    return found === undefined || found.payload.length < 8 ? -1 : found.payload.readUInt32BE(4);
  }

  get heard(): string {
    return Buffer.concat(this.#parts).toString('latin1');
  }
}

/** A client with nothing to hide: asks again and again, and all must be answered. */
class Neighbour {
  readonly #session: ClientHttp2Session;
  #stopped = false;
  readonly #asking: Promise<void>;
  answers = 0;

  constructor(t: Test, port: number) {
    this.#session = http2Connect(`http://127.0.0.1:${port}`);
    this.#session.on('error', () => undefined);
    t.after(() => this.#session.destroy());
    this.#asking = this.#ask();
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      const status = await new Promise((resolve, reject) => {
        const asked = this.#session.request({ ':path': '/small' });
        asked.on('response', (headers) => resolve(headers[':status']));
        asked.on('error', reject);
        asked.resume();
      });
      assert.equal(status, 200);
      this.answers++;
    }
  }

  /** Rejects if a request was not answered as it should be. */
  async stop(): Promise<void> {
    const before = this.answers;
    await until('the other client is answered', () => this.answers > before + 3);
    this.#stopped = true;
    await this.#asking;
    this.#session.destroy();
  }
}

const start = async (t: Test, over: Partial<HttpConnectionManagerConfig> = {}) => {
  const large = Buffer.alloc(MB, 'x');
  const app = await TestApp.start((asked, response) => {
    if (asked.url === '/never') return;
    response.end(asked.url === '/large' ? large : 'hello');
  });
  t.after(() => app.close());
  const context = new TestContext();
  const cluster = context.addCluster('app', [app.port]);
  const running = await startListener(listener(manager(table(forwardTo('app')), over)), context);
  t.after(() => running.close(false));
  const neighbour = new Neighbour(t, running.port);
  await until('the other client is answered', () => neighbour.answers > 0);
  return {
    port: running.port,
    context,
    /** The other client was served all the while, and nothing of the attacker is left. */
    async over(attacker: Attacker): Promise<void> {
      await neighbour.stop();
      attacker.socket.destroy();
      await until('nothing is left', () => context.overload.connections === 0);
      assert.equal(context.stats.http2.streams_active, 0);
      assert.equal(context.stats.http2.pending_send_bytes, 0);
      await until('no request is left', () => cluster.activeRequests === 0);
    },
  };
};

const rst = (id: number): Buffer => frame(frameType.RST_STREAM, 0, id, uint32(errorCodes.CANCEL));
const ping = frame(frameType.PING, 0, 0, Buffer.alloc(8));

describe('a client that floods is sent away, and others do not notice:', () => {
  const floods: Record<string, (i: number) => Buffer> = {
    'streams reset at once': (i) => Buffer.concat([headersFrame(2 * i + 1, request('GET', '/never')), rst(2 * i + 1)]),
    'streams that make us reset them': (i) =>
      Buffer.concat([
        headersFrame(2 * i + 1, request('POST', '/never'), false),
        frame(frameType.WINDOW_UPDATE, 0, 2 * i + 1, uint32(0)),
      ]),
    'malformed requests': (i) => headersFrame(2 * i + 1, ['x-a', 'b']),
    'CONTINUATION frames': (i) =>
      i === 0
        ? frame(frameType.HEADERS, 0, 1, rawBlock(request()))
        : frame(frameType.CONTINUATION, 0, 1, rawBlock(['x-a', 'b'])),
    'empty CONTINUATION frames': (i) =>
      i === 0 ? frame(frameType.HEADERS, 0, 1, rawBlock(request())) : frame(frameType.CONTINUATION, 0, 1),
    'empty DATA frames': (i) => (i === 0 ? headersFrame(1, request('POST', '/never'), false) : dataFrame(1, '')),
    'PRIORITY frames': () => frame(frameType.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 1])),
    'WINDOW_UPDATE frames': () => frame(frameType.WINDOW_UPDATE, 0, 0, uint32(1)),
  };
  for (const [what, flood] of Object.entries(floods))
    it(what, async (t) => {
      const proxy = await start(t);
      const attacker = new Attacker(t, proxy.port);
      for (let i = 0; i < 20_000 && !attacker.closed; i++) {
        attacker.send(flood(i));
        if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
      }
      await until('it is closed', () => attacker.closed);
      if (attacker.goaway !== -1) assert.equal(attacker.goaway, errorCodes.ENHANCE_YOUR_CALM);
      await proxy.over(attacker);
    });

  for (const [what, bytes] of [
    ['PING', ping],
    ['SETTINGS', settingsFrame()],
  ] as const)
    it(`${what} frames whose answers it does not read`, async (t) => {
      const proxy = await start(t);
      const attacker = new Attacker(t, proxy.port);
      attacker.socket.pause();
      const many = Buffer.concat(Array.from({ length: 4000 }, () => bytes));
      const { http2 } = proxy.context.stats;
      for (let i = 0; i < 2000 && http2.outbound_control_flood === 0; i++) {
        if (!attacker.socket.write(many)) await new Promise((resolve) => setImmediate(resolve));
      }
      await until('the flood is noticed', () => http2.outbound_control_flood === 1);
      await proxy.over(attacker);
    });
});

describe('a client that takes nothing', () => {
  it('has so much held for it and no more, and is given up', async (t) => {
    const proxy = await start(t, { streamIdleTimeoutMs: 400 });
    const attacker = new Attacker(t, proxy.port, Buffer.concat([clientPreface, settingsFrame([4, 0])]));
    const { http2 } = proxy.context.stats;
    for (let i = 0; i < 100; i++) attacker.send(headersFrame(2 * i + 1, request('GET', '/large')));
    let most = 0;
    await until('answers are held', () => {
      most = Math.max(most, http2.pending_send_bytes);
      return http2.pending_send_bytes > 90 * 64 * 1024;
    });
    await until('they are given up', () => {
      most = Math.max(most, http2.pending_send_bytes);
      return http2.pending_send_bytes === 0;
    });
    assert.ok(most < 100 * 3 * 64 * 1024, `${(most / MB).toFixed(1)} MB for answers of 100 MB`);
    await proxy.over(attacker);
  });

  it('on a connection that it does not read, too', async (t) => {
    const proxy = await start(t, { streamIdleTimeoutMs: 400 });
    const attacker = new Attacker(t, proxy.port, Buffer.concat([clientPreface, settingsFrame([4, 1 << 30])]));
    attacker.socket.pause();
    attacker.send(frame(frameType.WINDOW_UPDATE, 0, 0, uint32(1 << 30)));
    for (let i = 0; i < 50; i++) attacker.send(headersFrame(2 * i + 1, request('GET', '/large')));
    const { http2 } = proxy.context.stats;
    await until('answers are held', () => http2.pending_send_bytes > MB);
    await until('they are given up', () => http2.pending_send_bytes === 0);
    await proxy.over(attacker);
  });
});

describe('a client that does not go on', () => {
  const head = headersFrame(1, [...request(), 'x-a', 'b'.repeat(100)]);
  const begun = frame(frameType.HEADERS, flag.END_STREAM, 1, rawBlock(request()));
  const continued = frame(frameType.CONTINUATION, flag.END_HEADERS, 1, rawBlock(['x-a', 'b'.repeat(100)]));
  /** What comes at once, and what comes an octet at a time. */
  const slow: Record<string, [Buffer, Buffer]> = {
    'in its preface': [clientPreface.subarray(0, 3), clientPreface.subarray(3)],
    'before its settings': [clientPreface.subarray(0, 24), settingsFrame([3, 1], [4, 1], [6, 1])],
    'in a head': [Buffer.concat([clientPreface, head.subarray(0, 12)]), head.subarray(12)],
    'before a CONTINUATION': [Buffer.concat([clientPreface, begun]), continued],
  };
  for (const [where, [first, rest]] of Object.entries(slow))
    it(`${where} has as long as a head may take, however it trickles`, async (t) => {
      const proxy = await start(t, { requestHeadersTimeoutMs: 150 });
      const attacker = new Attacker(t, proxy.port, first);
      let sent = 0;
      const trickle = setInterval(() => attacker.send(rest.subarray(sent, ++sent)), 25);
      t.after(() => clearInterval(trickle));
      await until('it is closed', () => attacker.closed, 5);
      assert.ok(sent < rest.length, `${sent} octets`);
      await proxy.over(attacker);
    });

  it('after its settings is idle, and told so when its time is over', async (t) => {
    const proxy = await start(t, { connectionIdleTimeoutMs: 300 });
    const attacker = new Attacker(t, proxy.port);
    await until('it is told to go', () => attacker.goaway === errorCodes.NO_ERROR, 5);
    await until('it is closed', () => attacker.closed, 5);
    await proxy.over(attacker);
  });

  it('with a body has as long as a stream may be idle', async (t) => {
    const proxy = await start(t, { streamIdleTimeoutMs: 200 });
    const attacker = new Attacker(t, proxy.port);
    attacker.send(headersFrame(1, request('POST', '/small'), false), dataFrame(1, 'a'));
    await until(
      'the stream ends',
      () => proxy.context.records.some((r) => r.responseCode === 408 || r.responseCode === 504),
      5,
    );
    await proxy.over(attacker);
  });

  it('and closes its side has its requests given up', async (t) => {
    const proxy = await start(t);
    const attacker = new Attacker(t, proxy.port);
    attacker.send(headersFrame(1, request('GET', '/never')));
    await until('the request is there', () => proxy.context.stats.http2.streams_active >= 1);
    attacker.socket.end();
    await until('it is closed', () => attacker.closed, 5);
    await proxy.over(attacker);
  });
});

it('a head that decodes to more than it may be is answered 431, and the connection goes on', async (t) => {
  const proxy = await start(t);
  const attacker = new Attacker(t, proxy.port);
  // One entry of 4 KB, then an octet for each time it is repeated.
  const entry = Buffer.concat([Buffer.from('4001787f811e', 'hex'), Buffer.alloc(3968, 'v')]);
  const bomb = Buffer.concat([rawBlock(request()), entry, Buffer.alloc(10_000, 0xbe)]);
  attacker.send(frame(frameType.HEADERS, flag.END_HEADERS | flag.END_STREAM, 1, bomb));
  await until('it is answered', () => proxy.context.stats.http2.header_overflow === 1, 5);
  attacker.send(headersFrame(3, request('GET', '/small')));
  await until('the next is answered', () => attacker.heard.includes('hello'), 5);
  await proxy.over(attacker);
});
