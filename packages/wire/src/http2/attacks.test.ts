// What a hostile peer can do to a session, each ended with bounded memory and work, and told why.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bareServer,
  clientPreface,
  dataFrame,
  frame,
  headersFrame,
  rawBlock,
  request,
  settingsFrame,
  uint32,
} from '../testing/http2-frames.ts';
import { errorCodes } from './error-codes.ts';
import { flag, frameType } from './frame-types.ts';
import type { Http2Stream } from './stream.ts';

const CALM = `${errorCodes.ENHANCE_YOUR_CALM} `;
const rst = (id: number, code = errorCodes.CANCEL as number): Buffer =>
  frame(frameType.RST_STREAM, 0, id, uint32(code));
const ping = frame(frameType.PING, 0, 0, Buffer.alloc(8));

/** The session has failed with the code, said so by GOAWAY, and keeps nothing. */
const ended = (server: ReturnType<typeof bareServer>, code: number): void => {
  assert.ok(server.error.startsWith(`${code} `), `error: ${server.error || 'none'}`);
  const goaway = server.sent().find((f) => f.type === frameType.GOAWAY);
  assert.equal(goaway?.payload.readUInt32BE(4), code);
  assert.equal(server.session.activeStreams, 0);
  assert.equal(server.counters.streams_active, 0);
  assert.equal(server.counters.pending_send_bytes, 0);
};

/** Pushes until the session has had enough; how often that was. */
const until = (server: ReturnType<typeof bareServer>, most: number, frames: (i: number) => Buffer[]): number => {
  let i = 0;
  while (server.error === '' && i < most) server.push(...frames(i++));
  return i;
};

describe('an attack ends the connection:', () => {
  it('streams reset before they are answered (CVE-2023-44487)', () => {
    const server = bareServer();
    const n = until(server, 10_000, (i) => [headersFrame(2 * i + 1, request()), rst(2 * i + 1)]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.equal(n, 501);
  });

  it('streams that we are made to reset (CVE-2025-8671)', () => {
    const server = bareServer();
    const nothing = (id: number): Buffer => frame(frameType.WINDOW_UPDATE, 0, id, uint32(0));
    const n = until(server, 10_000, (i) => [headersFrame(2 * i + 1, request(), false), nothing(2 * i + 1)]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.ok(n <= 501, `${n}`);
  });

  it('malformed requests without end', () => {
    const server = bareServer();
    const n = until(server, 10_000, (i) => [headersFrame(2 * i + 1, ['x-a', 'b'])]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.equal(n, 501);
  });

  it('more streams than allowed, again and again', () => {
    const server = bareServer({}, { maxConcurrentStreams: 10 });
    const n = until(server, 10_000, (i) => [headersFrame(2 * i + 1, request(), false)]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.ok(n <= 520, `${n}`);
  });

  it('CONTINUATION frames without end (CVE-2024-27316)', () => {
    const server = bareServer();
    server.push(frame(frameType.HEADERS, 0, 1, rawBlock(request())));
    const n = until(server, 10_000, () => [frame(frameType.CONTINUATION, 0, 1, rawBlock(['x', 'y']))]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.equal(n, 65);
  });

  it('few and large CONTINUATION frames', () => {
    const server = bareServer({}, { maxHeadBytes: 10_000 });
    server.push(frame(frameType.HEADERS, 0, 1, rawBlock(request())));
    const n = until(server, 60, () => [frame(frameType.CONTINUATION, 0, 1, Buffer.alloc(16_384))]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.ok(n <= 4, `${n}`);
  });

  it('empty CONTINUATION and DATA frames (CVE-2019-9518)', () => {
    const headers = bareServer();
    headers.push(frame(frameType.HEADERS, 0, 1, rawBlock(request())));
    assert.equal(
      until(headers, 100, () => [frame(frameType.CONTINUATION, 0, 1)]),
      2,
    );
    ended(headers, errorCodes.ENHANCE_YOUR_CALM);
    const data = bareServer();
    data.push(headersFrame(1, request('POST'), false));
    assert.equal(
      until(data, 100, () => [dataFrame(1, '')]),
      2,
    );
    ended(data, errorCodes.ENHANCE_YOUR_CALM);
    assert.equal(data.counters.inbound_empty_frames_flood, 1);
  });

  for (const [what, bytes] of [
    ['PING (CVE-2019-9512)', ping],
    ['SETTINGS (CVE-2019-9515)', settingsFrame()],
  ] as const)
    it(`${what} frames whose answers are not read`, () => {
      const server = bareServer();
      server.taking = false;
      const n = until(server, 100_000, () => [bytes]);
      assert.ok(server.error.startsWith(CALM), server.error);
      assert.ok(n <= 1002, `${n}`);
      assert.equal(server.counters.outbound_control_flood, 1);
    });

  it('streams reset by us whose RST_STREAM frames are not read (CVE-2019-9514)', () => {
    const server = bareServer(
      { onStream: (stream) => stream.respond(200, [], [], false) },
      { maxPrematureResets: 1e9 },
    );
    server.taking = false;
    until(server, 100_000, (i) => [
      headersFrame(2 * i + 1, request(), false),
      dataFrame(2 * i + 1, '', true),
      rst(2 * i + 3),
    ]);
    assert.notEqual(server.error, '');
  });

  it('PRIORITY frames (CVE-2019-9513)', () => {
    const server = bareServer();
    const n = until(server, 10_000, () => [frame(frameType.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 1]))]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.equal(n, 101);
  });

  it('WINDOW_UPDATE frames', () => {
    const server = bareServer();
    const n = until(server, 10_000, () => [frame(frameType.WINDOW_UPDATE, 0, 0, uint32(1))]);
    ended(server, errorCodes.ENHANCE_YOUR_CALM);
    assert.equal(n, 6);
  });

  it('a window beyond 2^31 - 1', () => {
    const server = bareServer();
    server.push(frame(frameType.WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)));
    ended(server, errorCodes.FLOW_CONTROL_ERROR);
  });

  it('streams whose windows are moved beyond 2^31 - 1 by a setting', () => {
    const server = bareServer();
    server.push(headersFrame(1, request(), false), frame(frameType.WINDOW_UPDATE, 0, 1, uint32(0x7fff0000)));
    server.push(settingsFrame([4, 0x7fffffff]));
    ended(server, errorCodes.FLOW_CONTROL_ERROR);
  });

  it('more DATA than the windows allow', () => {
    const server = bareServer({ onStream: (stream) => stream.pauseReading() }, { initialStreamWindow: 70_000 });
    server.push(headersFrame(1, request('POST'), false));
    let taken = 0;
    for (let i = 0; i < 5; i++) {
      server.push(dataFrame(1, Buffer.alloc(16_384)));
      taken++;
    }
    const reset = server.sent().find((f) => f.type === frameType.RST_STREAM);
    assert.equal(reset?.payload.readUInt32BE(), errorCodes.FLOW_CONTROL_ERROR, `${taken}`);
    const connection = bareServer(
      { onStream: (stream) => stream.pauseReading() },
      { initialConnectionWindow: 70_000, initialStreamWindow: 65_535 },
    );
    connection.push(headersFrame(1, request('POST'), false), headersFrame(3, request('POST'), false));
    for (let i = 0; i < 3; i++) connection.push(dataFrame(1, Buffer.alloc(16_384)), dataFrame(3, Buffer.alloc(16_384)));
    ended(connection, errorCodes.FLOW_CONTROL_ERROR);
  });

  it('a preface that is not one', () => {
    const server = bareServer();
    const other = bareServer();
    server.push(clientPreface);
    ended(server, errorCodes.FRAME_SIZE_ERROR);
    other.push(frame(frameType.PUSH_PROMISE, flag.END_HEADERS, 1, uint32(2)));
    ended(other, errorCodes.PROTOCOL_ERROR);
  });
});

describe('a peer that takes no data', () => {
  it('makes a stream hold so much and no more, and blocks it alone', () => {
    const streams: Http2Stream[] = [];
    const server = bareServer({ onStream: (stream) => void streams.push(stream) });
    server.push(settingsFrame([4, 0]));
    const chunk = Buffer.alloc(10_000);
    for (let i = 0; i < 100; i++) {
      server.push(headersFrame(2 * i + 1, request()));
      const stream = streams[i] as Http2Stream;
      stream.respond(200, [], [], false);
      while (!stream.blocked) stream.data(chunk, 0, chunk.length);
      assert.ok(stream.heldBytes <= 64 * 1024 + chunk.length);
    }
    assert.ok(server.counters.pending_send_bytes < 100 * 75_000);
    const frames = server.sent();
    assert.equal(
      frames.some((f) => f.type === frameType.DATA),
      false,
    );
    for (const stream of streams) server.push(rst(stream.id));
    assert.equal(server.counters.pending_send_bytes, 0);
    assert.equal(server.error, '', 'who gives up on answers that it was given has done no wrong');
  });

  it('and then takes some gives each stream its turn', () => {
    const streams: Http2Stream[] = [];
    let writable = 0;
    const server = bareServer({
      onStream(stream) {
        streams.push(stream);
        stream.sink = { onData() {}, onEnd() {}, onReset() {}, onWritable: () => void writable++ };
      },
    });
    server.push(settingsFrame([4, 1 << 20]));
    for (const id of [1, 3, 5]) server.push(headersFrame(id, request()));
    for (const stream of streams) {
      stream.respond(200, [], [], false);
      stream.data(Buffer.alloc(65_535), 0, 65_535);
      stream.data(Buffer.alloc(20_000), 0, 20_000);
      stream.end([]);
    }
    server.session.flush();
    server.sent();
    server.push(frame(frameType.WINDOW_UPDATE, 0, 0, uint32(6 * 16_384)));
    const turns = server.sent().filter((f) => f.type === frameType.DATA);
    const bytes = new Map<number, number>();
    for (const f of turns) bytes.set(f.streamId, (bytes.get(f.streamId) ?? 0) + f.payload.length);
    // The first had the connection's first window for itself; of what came then each had its share.
    assert.equal(bytes.get(1), 20_000);
    assert.ok(Math.abs((bytes.get(3) ?? 0) - (bytes.get(5) ?? 0)) <= 16_384, JSON.stringify([...bytes]));
  });

  it('on the socket makes streams hold, and they go on when it does', () => {
    let stream: Http2Stream | null = null;
    let writable = 0;
    const server = bareServer({
      onStream(s) {
        stream = s;
        s.sink = { onData() {}, onEnd() {}, onReset() {}, onWritable: () => void writable++ };
      },
    });
    server.push(settingsFrame([4, 1 << 24]), frame(frameType.WINDOW_UPDATE, 0, 0, uint32(1 << 24)));
    server.push(headersFrame(1, request()));
    const s = stream as unknown as Http2Stream;
    s.respond(200, [], [], false);
    server.session.flush();
    server.sent();
    server.taking = false;
    let given = 0;
    while (!s.blocked) {
      s.data(Buffer.alloc(10_000), 0, 10_000);
      given += 10_000;
    }
    s.end([]);
    assert.ok(given < 200_000, `${given}`);
    assert.equal(writable, 0);
    let taken = 0;
    for (let i = 0; i < 20 && server.counters.streams_active > 0; i++) {
      server.session.drained();
      server.session.flush();
      for (const f of server.sent()) taken += f.payload.length;
    }
    assert.equal(taken, given);
    assert.equal(server.session.activeStreams, 0);
  });
});

describe('a body that nobody reads', () => {
  it('has no window given back until it is read', () => {
    let stream: Http2Stream | null = null;
    const server = bareServer(
      { onStream: (s) => void (stream = s) },
      { initialStreamWindow: 65_536, initialConnectionWindow: 65_536 },
    );
    server.push(headersFrame(1, request('POST'), false));
    const s = stream as unknown as Http2Stream;
    s.pauseReading();
    for (let i = 0; i < 4; i++) server.push(dataFrame(1, Buffer.alloc(15_000)));
    assert.deepEqual(server.sent(), []);
    s.resumeReading();
    server.session.flush();
    const updates = server.sent().map((f) => [f.streamId, f.payload.readUInt32BE()]);
    assert.deepEqual(updates.sort(), [
      [0, 60_000],
      [1, 60_000],
    ]);
  });

  it('gives its window back to the connection when its stream is reset by who gets it', () => {
    const server = bareServer(
      {
        onStream(stream) {
          stream.pauseReading();
          stream.sink = { onData: () => stream.reset(errorCodes.CANCEL), onEnd() {}, onReset() {}, onWritable() {} };
        },
      },
      { initialConnectionWindow: 65_536, initialStreamWindow: 65_536 },
    );
    for (let i = 0; i < 20; i++)
      server.push(headersFrame(2 * i + 1, request('POST'), false), dataFrame(2 * i + 1, Buffer.alloc(15_000)));
    assert.equal(server.error, '');
  });

  it('gives its window back to the connection when its stream ends', () => {
    const streams: Http2Stream[] = [];
    const server = bareServer(
      { onStream: (s) => void streams.push(s) },
      { initialConnectionWindow: 65_536, initialStreamWindow: 65_536 },
    );
    for (let i = 0; i < 20; i++) {
      server.push(headersFrame(2 * i + 1, request('POST'), false));
      streams[i]?.pauseReading();
      server.push(dataFrame(2 * i + 1, Buffer.alloc(15_000)), rst(2 * i + 1));
    }
    assert.equal(server.error, '');
  });
});
