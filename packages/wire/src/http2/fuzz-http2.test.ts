// Frames in any pieces mean the same, and no bytes make a session throw. WEFT_FUZZ_CASES says how many.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  bareServer,
  dataFrame,
  type Frame,
  frame,
  headersFrame,
  parseFrames,
  rawBlock,
  request,
  settingsFrame,
  uint32,
} from '../testing/http2-frames.ts';
import { Http2Counters } from './counters.ts';
import { flag, frameType } from './frame-types.ts';
import { defaultHttp2Options } from './options.ts';
import { Http2Session } from './session.ts';
import { quietEvents, Received } from '../testing/http2-peers.ts';

const numRuns = Number(process.env.WEFT_FUZZ_CASES ?? 1000);
const ids = [1, 3, 5, 7, 0, 2];

const id = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...ids) }, { weight: 1, arbitrary: fc.nat(20) });
const fields = fc.constantFrom(
  request(),
  request('POST', '/a'),
  [...request(), 'content-length', '5'],
  ['x-trailer', 'y'],
  [...request(), 'X', 'y'],
  [...request(), 'cookie', 'a', 'cookie', 'b'],
);
const anyFrame = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(id, fields, fc.boolean()).map(([i, f, end]) => headersFrame(i, f, end)) },
  {
    weight: 4,
    arbitrary: fc.tuple(id, fc.string({ maxLength: 9 }), fc.boolean()).map(([i, d, end]) => dataFrame(i, d, end)),
  },
  fc.tuple(id, fields).map(([i, f]) => {
    const block = rawBlock(f);
    const cut = block.length >> 1;
    return Buffer.concat([
      frame(frameType.HEADERS, flag.END_STREAM, i, block.subarray(0, cut)),
      frame(frameType.CONTINUATION, flag.END_HEADERS, i, block.subarray(cut)),
    ]);
  }),
  fc
    .tuple(id, fc.nat(4))
    .map(([i, pad]) =>
      frame(frameType.DATA, flag.PADDED, i, Buffer.concat([Buffer.from([pad]), Buffer.from('hey'), Buffer.alloc(pad)])),
    ),
  id.map((i) => frame(frameType.RST_STREAM, 0, i, uint32(8))),
  fc
    .tuple(id, fc.constantFrom(0, 1, 1000, 0x7fffffff))
    .map(([i, n]) => frame(frameType.WINDOW_UPDATE, 0, i, uint32(n))),
  fc.tuple(fc.nat(9), fc.constantFrom(0, 1, 100, 70_000)).map(([s, v]) => settingsFrame([s, v])),
  fc.constant(frame(frameType.PING, 0, 0, Buffer.alloc(8, 'p'))),
  fc.tuple(id, id).map(([i, on]) => frame(frameType.PRIORITY, 0, i, Buffer.concat([uint32(on), Buffer.from([1])]))),
  fc.constant(frame(frameType.GOAWAY, 0, 0, Buffer.alloc(8))),
  fc
    .tuple(fc.nat(255), fc.nat(255), id, fc.uint8Array({ maxLength: 20 }))
    .map(([t, f, i, p]) => frame(t, f, i, Buffer.from(p))),
);

interface Seen {
  readonly events: string[];
  readonly sent: Frame[];
}

/** What a server makes of the bytes, handed over in the pieces given; it answers each request with its own body. */
const seen = (pieces: readonly Buffer[]): Seen => {
  const events: string[] = [];
  const server = bareServer({
    onStream(stream, head) {
      events.push(`${stream.id} ${head.method} ${head.path} ${head.headers.join()}`);
      let body = '';
      stream.respond(200, ['x-path', head.path], [], false);
      stream.sink = {
        onData(b, s, e) {
          body += b.toString('latin1', s, e);
          stream.data(b, s, e);
        },
        onEnd(trailers) {
          events.push(`${stream.id} end ${body} ${trailers.join()}`);
          stream.end(trailers);
        },
        onReset: (code, remote) => void events.push(`${stream.id} reset ${code} ${remote}`),
        onWritable: () => undefined,
      };
    },
    onGoaway: (last, code) => void events.push(`goaway ${last} ${code}`),
  });
  // The buffer of each piece is used again at once, as the proxy's is.
  const shared = Buffer.alloc(1 << 16);
  for (const piece of pieces) {
    piece.copy(shared);
    server.session.push(shared, 0, piece.length);
    shared.fill(0xff, 0, piece.length);
  }
  server.session.flush();
  events.push(server.error);
  server.session.stop();
  assert.equal(server.counters.streams_active, 0);
  assert.equal(server.counters.pending_send_bytes, 0);
  return { events, sent: server.sent() };
};

const cut = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] as number);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
};

it('frames mean the same in whatever pieces they come', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 15 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 8 }),
      (list, sizes) => {
        const bytes = Buffer.concat(list);
        const whole = seen([bytes]);
        const pieces = seen(cut(bytes, sizes));
        assert.deepEqual(pieces.events, whole.events);
        assert.deepEqual(pieces.sent, whole.sent);
      },
    ),
    { numRuns },
  );
});

it('what a session sends is frames, whatever it got', () => {
  const bytes = fc.array(anyFrame, { maxLength: 15 }).chain((list) => {
    const all = Buffer.concat(list);
    return fc.array(fc.tuple(fc.nat(Math.max(0, all.length - 1)), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const changed = Buffer.from(all);
      for (const [at, octet] of changes) if (at < changed.length) changed[at] = octet;
      return changed;
    });
  });
  fc.assert(
    fc.property(bytes, (b) => {
      const { sent } = seen([b]);
      for (const f of sent) {
        assert.ok(f.type <= frameType.CONTINUATION);
        assert.ok(f.payload.length <= 16_384);
      }
    }),
    { numRuns },
  );
});

it('a client is as calm about what a server sends', () => {
  const serverFrame = fc.oneof(
    anyFrame,
    fc
      .tuple(id, fc.constantFrom('200', '103', '204', '101', '99', 'abc'), fc.boolean())
      .map(([i, status, end]) => headersFrame(i, [':status', status, 'content-length', '2'], end)),
  );
  fc.assert(
    fc.property(fc.array(serverFrame, { maxLength: 15 }), (list) => {
      const written: Buffer[] = [];
      const counters = new Http2Counters();
      const output = { write: (b: Buffer, done: () => void) => written.push(Buffer.from(b)) > 0 && (done(), true) };
      const client = new Http2Session('client', defaultHttp2Options, output, quietEvents, counters);
      client.start();
      const sinks = [1, 3, 5].map(() => new Received());
      for (const sink of sinks) client.openStream(sink, 'GET', 'http', 'a', '/', '', [], [], true);
      client.flush();
      const bytes = Buffer.concat([settingsFrame(), ...list]);
      client.push(bytes, 0, bytes.length);
      client.flush();
      client.stop();
      for (const sink of sinks) {
        assert.ok((sink.trailers === null) !== (sink.reset === null), 'an end or a reset, and one of them');
        if (sink.trailers !== null) assert.ok(sink.head !== null);
      }
      assert.equal(counters.streams_active, 0);
      const sent = Buffer.concat(written).subarray(24);
      assert.ok(parseFrames(sent).every((f) => f.payload.length <= 16_384));
    }),
    { numRuns },
  );
});
