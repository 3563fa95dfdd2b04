import { HpackEncoder } from '../hpack/hpack-encoder.ts';
import { giveBack, takeBuffer } from './output-buffers.ts';
import { FRAME_HEADER_BYTES, flag, frameType, MIN_MAX_FRAME_SIZE, PREFACE } from './frame-types.ts';

/** Of the first buffer. */
const MIN_ROOM = 4096;
const MAX_FIRST_ROOM = 64 * 1024;

/**
 * Gathers frames, to be written as one buffer. Data is copied into it once. What comes next on the stream of the last frame is
 * joined to it where that is possible: more DATA, or the end of the stream.
 */
export class FrameWriter {
  readonly #encoder: HpackEncoder;
  /** The peer's SETTINGS_MAX_FRAME_SIZE. */
  maxFrameSize = MIN_MAX_FRAME_SIZE;
  #buffer: Buffer = EMPTY;
  #length = 0;
  /** First room of the next buffer: what the last one needed. */
  #room = MIN_ROOM;
  /** Where the last frame is, if it is one that can be added to. */
  #tail = -1;
  #tailStream = 0;
  /** Frames gathered since the last `take`. */
  frames = 0;
  /** Of them those that answer to a peer's, or end what it began. */
  controlFrames = 0;

  constructor(encoder: HpackEncoder) {
    this.#encoder = encoder;
  }

  get length(): number {
    return this.#length;
  }

  /** The buffer that all was gathered in, its first `length` octets. It is the caller's from now on, until it gives it back. */
  take(): Buffer {
    const buffer = this.#buffer;
    this.#room = Math.min(MAX_FIRST_ROOM, Math.max(MIN_ROOM, this.#length));
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#tail = -1;
    this.frames = 0;
    this.controlFrames = 0;
    return buffer;
  }

  preface(): void {
    this.#reserve(PREFACE.length);
    this.#length += PREFACE.copy(this.#buffer, this.#length);
  }

  /** Pairs of identifier and value. */
  settings(pairs: readonly number[]): void {
    let at = this.#frame(frameType.SETTINGS, 0, 0, pairs.length * 3);
    for (let i = 0; i < pairs.length; i += 2) {
      this.#buffer.writeUInt16BE(pairs[i] as number, at);
      this.#buffer.writeUInt32BE(pairs[i + 1] as number, at + 2);
      at += 6;
    }
  }

  settingsAck(): void {
    this.controlFrames++;
    this.#frame(frameType.SETTINGS, flag.ACK, 0, 0);
  }

  /** `buffer` has 8 octets at `start`. */
  ping(ack: boolean, buffer: Buffer, start: number): void {
    this.controlFrames++;
    const at = this.#frame(frameType.PING, ack ? flag.ACK : 0, 0, 8);
    buffer.copy(this.#buffer, at, start, start + 8);
  }

  goaway(lastStreamId: number, code: number, message: string): void {
    const at = this.#frame(frameType.GOAWAY, 0, 0, 8 + message.length);
    this.#buffer.writeUInt32BE(lastStreamId, at);
    this.#buffer.writeUInt32BE(code, at + 4);
    this.#buffer.write(message, at + 8, 'latin1');
  }

  rstStream(streamId: number, code: number): void {
    this.controlFrames++;
    const at = this.#frame(frameType.RST_STREAM, 0, streamId, 4);
    this.#buffer.writeUInt32BE(code, at);
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#frame(frameType.WINDOW_UPDATE, 0, streamId, 4);
    this.#buffer.writeUInt32BE(increment, at);
  }

  /** Copies `source[start, end)`, at most `maxFrameSize`. True: it made a frame of its own. */
  data(streamId: number, source: Buffer, start: number, end: number): boolean {
    const bytes = end - start;
    const joined = this.#joinData(streamId, bytes);
    const at = joined ? this.#length : this.#frame(frameType.DATA, 0, streamId, bytes);
    if (joined) {
      this.#reserve(bytes);
      this.#length += bytes;
    } else this.#setTail(streamId, at - FRAME_HEADER_BYTES);
    source.copy(this.#buffer, at, start, end);
    return !joined;
  }

  /** END_STREAM on the last frame if it is this stream's, else on an empty one. */
  endStream(streamId: number): void {
    if (this.#tail !== -1 && this.#tailStream === streamId) {
      const at = this.#tail + 4;
      this.#buffer[at] = (this.#buffer[at] as number) | flag.END_STREAM;
      this.#tail = -1;
    } else this.#frame(frameType.DATA, flag.END_STREAM, streamId, 0);
  }

  /** The most that `beginHeaders` … `endHeaders` may write: `HpackEncoder.maxBytes` of all fields. */
  beginHeaders(maxBytes: number): HpackEncoder {
    this.#reserve(FRAME_HEADER_BYTES + HpackEncoder.maxBeginBytes + maxBytes);
    this.#encoder.begin(this.#buffer, this.#length + FRAME_HEADER_BYTES);
    return this.#encoder;
  }

  endHeaders(streamId: number, endStream: boolean): void {
    const start = this.#length + FRAME_HEADER_BYTES;
    const end = this.#encoder.pos;
    this.#encoder.end();
    const flags = endStream ? flag.END_STREAM : 0;
    if (end - start > this.maxFrameSize) {
      this.#splitHeaders(streamId, flags, Buffer.from(this.#buffer.subarray(start, end)));
      return;
    }
    const at = this.#frame(frameType.HEADERS, flags | flag.END_HEADERS, streamId, end - start);
    if (!endStream) this.#setTail(streamId, at - FRAME_HEADER_BYTES);
  }

  /** A block that consists of these fields alone. */
  headers(streamId: number, fields: readonly string[], endStream: boolean): void {
    this.beginHeaders(HpackEncoder.maxBytes(fields)).fields(fields, null);
    this.endHeaders(streamId, endStream);
  }

  #splitHeaders(streamId: number, flags: number, block: Buffer): void {
    for (let from = 0; from < block.length; from += this.maxFrameSize) {
      const to = Math.min(block.length, from + this.maxFrameSize);
      const type = from === 0 ? frameType.HEADERS : frameType.CONTINUATION;
      const last = to === block.length ? flag.END_HEADERS : 0;
      const at = this.#frame(type, (from === 0 ? flags : 0) | last, streamId, to - from);
      block.copy(this.#buffer, at, from, to);
    }
  }

  #setTail(streamId: number, at: number): void {
    this.#tail = at;
    this.#tailStream = streamId;
  }

  #joinData(streamId: number, bytes: number): boolean {
    const at = this.#tail;
    if (at === -1 || this.#tailStream !== streamId || this.#buffer[at + 3] !== frameType.DATA) return false;
    const length = this.#length - at - FRAME_HEADER_BYTES + bytes;
    if (length > this.maxFrameSize) return false;
    this.#buffer.writeUIntBE(length, at, 3);
    return true;
  }

  /** Writes a frame's header; where its payload begins. */
  #frame(type: number, flags: number, streamId: number, length: number): number {
    this.#reserve(FRAME_HEADER_BYTES + length);
    const buffer = this.#buffer;
    const at = this.#length;
    buffer[at] = length >>> 16;
    buffer[at + 1] = length >>> 8;
    buffer[at + 2] = length;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >>> 24;
    buffer[at + 6] = streamId >>> 16;
    buffer[at + 7] = streamId >>> 8;
    buffer[at + 8] = streamId;
    this.#length = at + FRAME_HEADER_BYTES + length;
    this.#tail = -1;
    this.frames++;
    return at + FRAME_HEADER_BYTES;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = takeBuffer(Math.max(this.#room, needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    if (this.#buffer !== EMPTY) giveBack(this.#buffer);
    this.#buffer = grown;
  }
}

const EMPTY = Buffer.alloc(0);
