import { HpackEncoder } from '../hpack/hpack-encoder.ts';
import { Http2Counters } from '../http2/counters.ts';
import type { Http2SessionEvents } from '../http2/events.ts';
import { flag, frameType, PREFACE } from '../http2/frame-types.ts';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import { Http2Session } from '../http2/session.ts';
import { quietEvents } from './http2-peers.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A frame as it stands on the wire, whatever it says. */
export const frame = (
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | readonly number[] = [],
): Buffer => {
  const body = Buffer.from(payload as Buffer);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
};

export const uint32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
};

export const settingsFrame = (...pairs: [id: number, value: number][]): Buffer =>
  frame(
    frameType.SETTINGS,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([Buffer.from([0, id]), uint32(value)]))),
  );

/** What a client's connection begins with. */
export const clientPreface = Buffer.concat([PREFACE, settingsFrame()]);

/** A header block whose fields the peer need not remember: each can be sent alone. */
export const block = (fields: readonly string[]): Buffer => {
  const encoder = new HpackEncoder(0);
  const buffer = Buffer.alloc(HpackEncoder.maxBytes(fields) + 64);
  encoder.begin(buffer, 0);
  for (let i = 0; i < fields.length; i += 2) encoder.field(fields[i] as string, fields[i + 1] as string, false);
  return buffer.subarray(0, encoder.pos);
};

/** As `block`, but any names and values, as an attacker writes them. */
export const rawBlock = (fields: readonly string[]): Buffer => {
  const text = (s: string): Buffer => {
    const length = s.length < 127 ? [s.length] : [127, ((s.length - 127) & 127) | 128, (s.length - 127) >> 7];
    return Buffer.concat([Buffer.from(length), Buffer.from(s, 'latin1')]);
  };
  const parts: Buffer[] = [];
  for (let i = 0; i < fields.length; i += 2)
    parts.push(Buffer.from([0]), text(fields[i] as string), text(fields[i + 1] as string));
  return Buffer.concat(parts);
};

export const request = (method = 'GET', path = '/'): string[] => [
  ':method',
  method,
  ':scheme',
  'http',
  ':path',
  path,
  ':authority',
  'a.test',
];

export const headersFrame = (streamId: number, fields: readonly string[], endStream = true): Buffer =>
  frame(frameType.HEADERS, flag.END_HEADERS | (endStream ? flag.END_STREAM : 0), streamId, rawBlock(fields));

export const dataFrame = (streamId: number, payload: string | Buffer, endStream = false): Buffer =>
  frame(frameType.DATA, endStream ? flag.END_STREAM : 0, streamId, Buffer.from(payload as string));

export const parseFrames = (bytes: Buffer): Frame[] => {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
};

/** A server session whose peer the test writes by hand. */
export interface BareServer {
  readonly session: Http2Session;
  readonly counters: Http2Counters;
  /** The socket's answer to a write. */
  taking: boolean;
  /** `code message`, or empty. */
  error: string;
  push(...frames: Buffer[]): void;
  /** Frames written since the last call. */
  sent(): Frame[];
}

export const bareServer = (
  events: Partial<Http2SessionEvents> = {},
  options: Partial<Http2Options> = {},
): BareServer => {
  let written: Buffer[] = [];
  const counters = new Http2Counters();
  const session: Http2Session = new Http2Session(
    'server',
    { ...defaultHttp2Options, ...options },
    {
      write(buffer, done) {
        written.push(Buffer.from(buffer));
        done();
        return server.taking;
      },
    },
    { ...quietEvents, onSessionError: (code, message) => void (server.error = `${code} ${message}`), ...events },
    counters,
  );
  const server: BareServer = {
    session,
    counters,
    taking: true,
    error: '',
    push(...frames) {
      for (const bytes of frames) session.push(bytes, 0, bytes.length);
      session.flush();
    },
    sent() {
      const frames = parseFrames(Buffer.concat(written));
      written = [];
      return frames;
    },
  };
  session.start();
  server.push(clientPreface);
  server.sent();
  return server;
};
