import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bareServer,
  dataFrame,
  frame,
  headersFrame,
  parseFrames,
  request,
  settingsFrame,
  uint32,
} from '../testing/http2-frames.ts';
import type { Frame } from '../testing/http2-frames.ts';
import { quietEvents, Received } from '../testing/http2-peers.ts';
import { Http2Counters } from './counters.ts';
import { CONNECTION_LOST, errorCodes } from './error-codes.ts';
import type { Http2SessionEvents } from './events.ts';
import { flag, frameType, PREFACE } from './frame-types.ts';
import { defaultHttp2Options } from './options.ts';
import { Http2Session } from './session.ts';
import type { Http2Stream } from './stream.ts';

/** A client session whose server the test writes by hand. */
const bareClient = (
  events: Partial<Http2SessionEvents> = {},
): { session: Http2Session; push: (...frames: Buffer[]) => void; sent: () => Frame[] } => {
  let written: Buffer[] = [];
  const output = { write: (b: Buffer, done: () => void) => written.push(Buffer.from(b)) > 0 && (done(), true) };
  const session = new Http2Session(
    'client',
    defaultHttp2Options,
    output,
    { ...quietEvents, ...events },
    new Http2Counters(),
  );
  session.start();
  session.flush();
  assert.deepEqual(Buffer.concat(written).subarray(0, PREFACE.length), PREFACE);
  written = [];
  return {
    session,
    push(...frames) {
      for (const bytes of frames) session.push(bytes, 0, bytes.length);
      session.flush();
    },
    sent() {
      session.flush();
      const frames = parseFrames(Buffer.concat(written));
      written = [];
      return frames;
    },
  };
};

const get = (session: Http2Session, method = 'GET'): Received => {
  const received = new Received();
  session.openStream(received, method, 'http', 'a', '/', '', [], [], true);
  return received;
};

const named = (frames: readonly Frame[]): string[] =>
  frames.map((f) => {
    const type = Object.entries(frameType).find(([, t]) => t === f.type)?.[0];
    return `${type} ${f.streamId}${(f.flags & flag.END_STREAM) !== 0 ? ' end' : ''}`;
  });

describe('what is gathered', () => {
  it('says the end of a stream on its last frame, and joins pieces of a body', () => {
    const streams: Http2Stream[] = [];
    const server = bareServer({ onStream: (s) => void streams.push(s) });
    server.push(headersFrame(1, request()), headersFrame(3, request()), headersFrame(5, request()));
    const [a, b, c] = streams as [Http2Stream, Http2Stream, Http2Stream];
    a.respond(200, [], [], false);
    a.data(Buffer.from('one'), 0, 3);
    a.data(Buffer.from('two'), 0, 3);
    a.end([]);
    b.respond(200, [], [], false);
    b.end([]);
    c.respond(200, [], [], false);
    c.data(Buffer.from('x'), 0, 1);
    c.end(['x-a', 'b']);
    server.session.flush();
    const frames = server.sent();
    assert.deepEqual(named(frames), [
      'HEADERS 1',
      'DATA 1 end',
      'HEADERS 3 end',
      'HEADERS 5',
      'DATA 5',
      'HEADERS 5 end',
    ]);
    assert.equal(frames[1]?.payload.toString(), 'onetwo');
    assert.equal(server.session.activeStreams, 0);
  });

  it('is told once, and written once', () => {
    let dirty = 0;
    let writes = 0;
    const session = new Http2Session(
      'client',
      defaultHttp2Options,
      { write: () => ++writes > 0 },
      { ...quietEvents, onDirty: () => void dirty++ },
      new Http2Counters(),
    );
    session.start();
    get(session);
    get(session);
    session.flush();
    session.flush();
    assert.deepEqual([dirty, writes, session.dirty], [1, 1, false]);
    get(session);
    assert.equal(dirty, 2);
  });

  it('is written before it is too much, though nobody flushes', () => {
    const writes: number[] = [];
    const session = new Http2Session(
      'client',
      defaultHttp2Options,
      { write: (buffer, done) => writes.push(buffer.length) > 0 && (done(), true) },
      quietEvents,
      new Http2Counters(),
    );
    session.start();
    const pings = Buffer.concat([
      settingsFrame(),
      ...Array.from({ length: 50_000 }, () => frame(frameType.PING, 0, 0, Buffer.alloc(8))),
    ]);
    session.push(pings, 0, pings.length);
    assert.ok(writes.length >= 12, `${writes.length} writes`);
    assert.ok(Math.max(...writes) < 66_000, `${Math.max(...writes)}`);
  });

  it('as a head too large for a frame goes on in others', () => {
    const { session, sent } = bareClient();
    session.openStream(new Received(), 'GET', 'http', 'a', '/', '', ['x-a', 'b'.repeat(40_000)], [], true);
    const frames = sent();
    assert.deepEqual(named(frames), ['HEADERS 1 end', 'CONTINUATION 1', 'CONTINUATION 1']);
    assert.deepEqual(
      frames.map((f) => (f.flags & flag.END_HEADERS) !== 0),
      [false, false, true],
    );
  });
});

describe('a client', () => {
  it('opens no more streams than the server allows, and another when one ends', () => {
    let closed = 0;
    const { session, push } = bareClient({ onStreamClosed: () => void closed++ });
    push(settingsFrame([3, 2]));
    assert.equal(session.maxOutgoingStreams, 2);
    get(session);
    get(session);
    assert.equal(session.canOpen, false);
    assert.equal(session.openStream(new Received(), 'GET', 'http', 'a', '/', '', [], [], true), null);
    push(headersFrame(1, [':status', '200']));
    assert.equal(closed, 1);
    assert.equal(session.canOpen, true);
  });

  it('that gets GOAWAY learns which requests may be tried again elsewhere', () => {
    const said: number[] = [];
    const { session, push } = bareClient({ onGoaway: (last, code) => void said.push(last, code) });
    push(settingsFrame());
    const [first, second] = [get(session), get(session)];
    push(frame(frameType.GOAWAY, 0, 0, Buffer.concat([uint32(1), uint32(0)])));
    assert.deepEqual(said, [1, 0]);
    assert.equal(session.canOpen, false);
    assert.equal(session.draining, true);
    assert.deepEqual(second.reset, { code: errorCodes.REFUSED_STREAM, remote: true });
    assert.equal(first.reset, null);
    push(headersFrame(1, [':status', '200'], false), dataFrame(1, 'late', true));
    assert.equal(first.body.toString(), 'late');
    assert.equal(session.activeStreams, 0);
  });

  it('whose connection goes away hears so for each request', () => {
    const { session } = bareClient();
    const received = get(session);
    session.stop();
    assert.deepEqual(received.reset, { code: CONNECTION_LOST, remote: true });
    assert.equal(session.canOpen, false);
  });

  const refused: Record<string, Buffer[]> = {
    'no status': [headersFrame(1, ['x-a', 'b'])],
    'a status that is none': [headersFrame(1, [':status', '20'])],
    'a status twice': [headersFrame(1, [':status', '200', ':status', '200'])],
    'a status behind a header': [headersFrame(1, ['x-a', 'b', ':status', '200'])],
    'a request’s pseudo-header': [headersFrame(1, [':status', '200', ':path', '/'])],
    '101': [headersFrame(1, [':status', '101'], false)],
    'an informational response that is the last': [headersFrame(1, [':status', '103'])],
    'a body before the head': [dataFrame(1, 'x')],
    'connection-specific headers': [headersFrame(1, [':status', '200', 'transfer-encoding', 'chunked'])],
    'a line break in a value': [headersFrame(1, [':status', '200', 'x-a', 'b\r\n\r\nHTTP/1.1 200'])],
    'a body longer than it says': [
      headersFrame(1, [':status', '200', 'content-length', '1'], false),
      dataFrame(1, 'xy'),
    ],
    'a body shorter than it says': [
      headersFrame(1, [':status', '200', 'content-length', '3'], false),
      dataFrame(1, 'xy', true),
    ],
    'no body where it says one': [headersFrame(1, [':status', '200', 'content-length', '3'])],
    '204 with a length': [headersFrame(1, [':status', '204', 'content-length', '3'])],
    '204 with a body': [headersFrame(1, [':status', '204'], false), dataFrame(1, 'x')],
    '304 with a body': [headersFrame(1, [':status', '304'], false), dataFrame(1, 'x')],
    'a second head': [headersFrame(1, [':status', '200'], false), headersFrame(1, [':status', '200'])],
  };
  for (const [what, frames] of Object.entries(refused))
    it(`resets a response with ${what}, and keeps the connection`, () => {
      const { session, push, sent } = bareClient();
      push(settingsFrame());
      const received = get(session);
      const other = get(session);
      sent();
      push(...frames);
      assert.deepEqual(received.reset, { code: errorCodes.PROTOCOL_ERROR, remote: false });
      assert.deepEqual(named(sent()), ['RST_STREAM 1']);
      push(headersFrame(3, [':status', '200']));
      assert.equal(other.head?.status, 200);
    });

  it('asks HEAD and is told the length of what does not come', () => {
    const { session, push } = bareClient();
    push(settingsFrame());
    const received = get(session, 'HEAD');
    push(headersFrame(1, [':status', '200', 'content-length', '5']));
    assert.equal(received.head?.contentLength, 5);
    assert.deepEqual(received.trailers, []);
  });

  it('may not be given streams by the server', () => {
    let error = -1;
    const { push } = bareClient({ onSessionError: (code) => void (error = code) });
    push(settingsFrame(), headersFrame(2, [':status', '200']));
    assert.equal(error, errorCodes.PROTOCOL_ERROR);
  });
});

describe('a server', () => {
  it('that drains warns first, and refuses what comes after the round trip', () => {
    const opened: number[] = [];
    const server = bareServer({ onStream: (s) => void opened.push(s.id) });
    server.push(headersFrame(1, request(), false));
    server.session.drain();
    server.session.flush();
    const [warning, ping] = server.sent() as [Frame, Frame];
    assert.equal(warning.payload.readUInt32BE(), 0x7fffffff);
    server.push(
      headersFrame(3, request()),
      frame(frameType.PING, flag.ACK, 0, ping.payload),
      headersFrame(5, request()),
    );
    const frames = server.sent();
    assert.deepEqual(named(frames), ['GOAWAY 0', 'RST_STREAM 5']);
    assert.equal(frames[0]?.payload.readUInt32BE(), 3);
    assert.equal(frames[1]?.payload.readUInt32BE(), errorCodes.REFUSED_STREAM);
    assert.deepEqual(opened, [1, 3]);
  });

  it('answers before the request has ended, and asks for no more of it', () => {
    let stream: Http2Stream | null = null;
    const server = bareServer({ onStream: (s) => void (stream = s) });
    server.push(settingsFrame([4, 3]), headersFrame(1, request('POST'), false));
    server.sent();
    const s = stream as unknown as Http2Stream;
    s.respond(413, [], [], false);
    s.data(Buffer.from('too large'), 0, 9);
    s.end([]);
    s.resetWhenSent(errorCodes.NO_ERROR);
    server.session.flush();
    assert.deepEqual(named(server.sent()), ['HEADERS 1', 'DATA 1']);
    server.push(dataFrame(1, 'more'), frame(frameType.WINDOW_UPDATE, 0, 1, uint32(100)));
    assert.deepEqual(named(server.sent()), ['DATA 1 end', 'RST_STREAM 1']);
    server.push(dataFrame(1, 'on its way'), headersFrame(1, ['x-a', 'b']));
    assert.equal(server.error, '');
    assert.deepEqual(server.sent(), []);
  });

  it('knows when the rest of something is due', () => {
    const server = bareServer();
    assert.equal(server.session.unfinished, false);
    const head = headersFrame(1, request(), false);
    server.push(head.subarray(0, 12));
    assert.equal(server.session.unfinished, true);
    server.push(head.subarray(12));
    assert.equal(server.session.unfinished, false);
    server.push(dataFrame(1, 'abc').subarray(0, 10));
    assert.equal(server.session.unfinished, false, 'a body takes its time');
    server.push(Buffer.from('bc'), frame(frameType.HEADERS, flag.END_STREAM, 1));
    assert.equal(server.session.unfinished, true);
  });

  it('measures the way there and back', () => {
    let pings = 0;
    const server = bareServer({ onPing: () => void pings++ });
    server.session.ping();
    server.session.flush();
    const [sent] = server.sent() as [Frame];
    server.push(frame(frameType.PING, flag.ACK, 0, Buffer.alloc(8)), frame(frameType.PING, flag.ACK, 0, sent.payload));
    assert.equal(pings, 1);
    server.push(frame(frameType.PING, 0, 0, Buffer.from('12345678')));
    assert.equal(server.sent()[0]?.payload.toString(), '12345678');
  });
});
