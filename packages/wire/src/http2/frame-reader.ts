import { errorCodes } from './error-codes.ts';
import { FRAME_HEADER_BYTES, flag, frameType, MAX_STREAM_ID, PREFACE } from './frame-types.ts';

/**
 * Receives frames, in order. Lengths and stream ids are those the type may have, padding is gone, a header block is whole. After
 * `onFrameError` nothing comes any more, nor after `stop`.
 */
export interface FrameSink {
  /** A DATA frame begins; `length` counts against flow control, padding included, `payload` is what will come as `onDataBytes`. */
  onDataFrame(streamId: number, length: number, payload: number, endStream: boolean): void;
  /** A piece of its payload. */
  onDataBytes(buffer: Buffer, start: number, end: number): void;
  onDataEnd(endStream: boolean): void;
  /** Each HEADERS or CONTINUATION frame, before its block is complete. */
  onHeaderFrame(length: number, endStream: boolean): void;
  /** `dependsOn`: -1 if the frame says no priority. */
  onHeaders(streamId: number, endStream: boolean, dependsOn: number, buffer: Buffer, start: number, end: number): void;
  onPriority(streamId: number, dependsOn: number): void;
  onRstStream(streamId: number, code: number): void;
  /** `start === end` for an acknowledgement is told by `ack`. */
  onSettings(ack: boolean, buffer: Buffer, start: number, end: number): void;
  /** 8 octets. */
  onPing(ack: boolean, buffer: Buffer, start: number): void;
  onGoawayFrame(lastStreamId: number, code: number): void;
  onWindowUpdate(streamId: number, increment: number): void;
  /** The connection cannot go on. */
  onFrameError(code: number, message: string): void;
}

/**
 * Bytes to frames (RFC 9113 sections 4 and 6). A frame that is whole in the bytes at hand is read where it stands; payload of DATA
 * is handed on as it comes; of other frames cut in two the part that came first is copied, at most `maxFrameSize`.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameSize: number;
  readonly #maxBlockBytes: number;
  readonly #maxContinuations: number;
  #stopped = false;
  /** Octets of the client's preface still to come. */
  #preface: number;
  #settingsSeen = false;
  /** The start of a frame, header included, that is not complete. */
  #held: Buffer | null = null;
  #heldLength = 0;
  /** Payload of the DATA frame under way; -1 between frames. */
  #dataLeft = -1;
  #dataEndsStream = false;
  /** A header block that goes on with CONTINUATION frames. */
  #blockStream = 0;
  #block: Buffer | null = null;
  #blockLength = 0;
  #blockEndsStream = false;
  #blockDependsOn = -1;
  #continuations = 0;

  constructor(
    sink: FrameSink,
    expectPreface: boolean,
    maxFrameSize: number,
    maxBlockBytes: number,
    maxContinuations: number,
  ) {
    this.#sink = sink;
    this.#preface = expectPreface ? PREFACE.length : 0;
    this.#maxFrameSize = maxFrameSize;
    this.#maxBlockBytes = maxBlockBytes;
    this.#maxContinuations = maxContinuations;
  }

  /** Part of the peer's preface (its SETTINGS included), of a frame that is not DATA, or of a head is here: the rest is due. */
  get unfinished(): boolean {
    return !this.#settingsSeen || this.#held !== null || this.#blockStream !== 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#held = null;
    this.#block = null;
  }

  push(buffer: Buffer, start: number, end: number): void {
    let pos = start;
    if (this.#preface > 0) pos = this.#readPreface(buffer, pos, end);
    while (pos < end && !this.#stopped) {
      if (this.#dataLeft >= 0) pos = this.#readData(buffer, pos, end);
      else if (this.#held !== null) pos = this.#fillHeld(this.#held, buffer, pos, end);
      else {
        const next = end - pos < FRAME_HEADER_BYTES ? -1 : this.#begin(buffer, pos, end);
        if (next === -1) {
          this.#hold(buffer, pos, end);
          return;
        }
        pos = next;
      }
    }
  }

  #readPreface(buffer: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end && this.#preface > 0) {
      if (buffer[pos++] !== PREFACE[PREFACE.length - this.#preface--]) {
        this.#fail(errorCodes.PROTOCOL_ERROR, 'not an HTTP/2 connection preface');
        break;
      }
    }
    return pos;
  }

  /** A frame whose header is at `pos`: where what follows begins, or -1 if it is not all there. */
  #begin(buffer: Buffer, pos: number, end: number): number {
    const length = (((buffer[pos] as number) << 16) | ((buffer[pos + 1] as number) << 8)) + (buffer[pos + 2] as number);
    if (!this.#acceptHeader(buffer[pos + 3] as number, buffer[pos + 4] as number, length)) return end;
    const payload = pos + FRAME_HEADER_BYTES;
    if (buffer[pos + 3] === frameType.DATA && ((buffer[pos + 4] as number) & flag.PADDED) === 0) {
      this.#beginData(buffer.readUInt32BE(pos + 5) & MAX_STREAM_ID, length, buffer[pos + 4] as number);
      return payload;
    }
    if (end - payload < length) return -1;
    this.#frame(buffer, pos, payload, payload + length);
    return payload + length;
  }

  #acceptHeader(type: number, flags: number, length: number): boolean {
    if (length > this.#maxFrameSize) this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a frame is larger than allowed');
    else if (!this.#settingsSeen) {
      if (type !== frameType.SETTINGS || (flags & flag.ACK) !== 0)
        this.#fail(errorCodes.PROTOCOL_ERROR, 'the first frame is not SETTINGS');
      this.#settingsSeen = true;
    } else if (this.#blockStream !== 0 && type !== frameType.CONTINUATION)
      this.#fail(errorCodes.PROTOCOL_ERROR, 'a header block is interrupted');
    return !this.#stopped;
  }

  #hold(buffer: Buffer, start: number, end: number): void {
    const length = end - start;
    const frame = length < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + buffer.readUIntBE(start, 3);
    this.#held = Buffer.allocUnsafe(frame);
    this.#heldLength = buffer.copy(this.#held, 0, start, end);
  }

  /** Adds to what is held, first its header, then its payload. */
  #fillHeld(held: Buffer, buffer: Buffer, start: number, end: number): number {
    const copied = buffer.copy(held, this.#heldLength, start, Math.min(end, start + held.length - this.#heldLength));
    this.#heldLength += copied;
    if (this.#heldLength < held.length) return start + copied;
    this.#held = null;
    if (held.length > FRAME_HEADER_BYTES) this.#frame(held, 0, FRAME_HEADER_BYTES, held.length);
    else if (this.#begin(held, 0, FRAME_HEADER_BYTES) === -1) this.#hold(held, 0, FRAME_HEADER_BYTES);
    return start + copied;
  }

  #beginData(streamId: number, length: number, flags: number): void {
    if (streamId === 0) {
      this.#fail(errorCodes.PROTOCOL_ERROR, 'DATA on stream 0');
      return;
    }
    this.#dataEndsStream = (flags & flag.END_STREAM) !== 0;
    this.#dataLeft = length;
    this.#sink.onDataFrame(streamId, length, length, this.#dataEndsStream);
    if (length === 0) this.#endData();
  }

  #readData(buffer: Buffer, start: number, end: number): number {
    const stop = Math.min(end, start + this.#dataLeft);
    this.#dataLeft -= stop - start;
    this.#sink.onDataBytes(buffer, start, stop);
    if (this.#dataLeft === 0) this.#endData();
    return stop;
  }

  #endData(): void {
    this.#dataLeft = -1;
    if (!this.#stopped) this.#sink.onDataEnd(this.#dataEndsStream);
  }

  /** `at` is where the frame's header is, its payload is `buffer[start, end)`. */
  #frame(buffer: Buffer, at: number, start: number, end: number): void {
    const flags = buffer[at + 4] as number;
    const streamId = buffer.readUInt32BE(at + 5) & MAX_STREAM_ID;
    const length = end - start;
    switch (buffer[at + 3]) {
      case frameType.DATA:
        this.#paddedData(flags, streamId, buffer, start, end);
        return;
      case frameType.HEADERS:
        this.#headers(flags, streamId, buffer, start, end);
        return;
      case frameType.CONTINUATION:
        this.#continuation(flags, streamId, buffer, start, end);
        return;
      case frameType.PRIORITY:
        if (streamId === 0) this.#fail(errorCodes.PROTOCOL_ERROR, 'PRIORITY on stream 0');
        else if (length !== 5) this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a PRIORITY frame of another length than 5');
        else this.#sink.onPriority(streamId, buffer.readUInt32BE(start) & MAX_STREAM_ID);
        return;
      case frameType.RST_STREAM:
        if (streamId === 0) this.#fail(errorCodes.PROTOCOL_ERROR, 'RST_STREAM on stream 0');
        else if (length !== 4) this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a RST_STREAM frame of another length than 4');
        else this.#sink.onRstStream(streamId, buffer.readUInt32BE(start));
        return;
      case frameType.SETTINGS: {
        const ack = (flags & flag.ACK) !== 0;
        if (streamId !== 0) this.#fail(errorCodes.PROTOCOL_ERROR, 'SETTINGS on a stream');
        else if (length % 6 !== 0 || (ack && length > 0))
          this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a SETTINGS frame of impossible length');
        else this.#sink.onSettings(ack, buffer, start, end);
        return;
      }
      case frameType.PUSH_PROMISE:
        this.#fail(errorCodes.PROTOCOL_ERROR, 'PUSH_PROMISE, which was not allowed');
        return;
      case frameType.PING:
        if (streamId !== 0) this.#fail(errorCodes.PROTOCOL_ERROR, 'PING on a stream');
        else if (length !== 8) this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a PING frame of another length than 8');
        else this.#sink.onPing((flags & flag.ACK) !== 0, buffer, start);
        return;
      case frameType.GOAWAY:
        if (streamId !== 0) this.#fail(errorCodes.PROTOCOL_ERROR, 'GOAWAY on a stream');
        else if (length < 8) this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a GOAWAY frame shorter than 8');
        else this.#sink.onGoawayFrame(buffer.readUInt32BE(start) & MAX_STREAM_ID, buffer.readUInt32BE(start + 4));
        return;
      case frameType.WINDOW_UPDATE:
        if (length !== 4) this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a WINDOW_UPDATE frame of another length than 4');
        else this.#sink.onWindowUpdate(streamId, buffer.readUInt32BE(start) & MAX_STREAM_ID);
        return;
      default:
      // Unknown types are ignored (RFC 9113 section 4.1).
    }
  }

  #paddedData(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const stop = this.#withoutPadding(flags, buffer, start, end);
    if (stop === -1) return;
    if (streamId === 0) {
      this.#fail(errorCodes.PROTOCOL_ERROR, 'DATA on stream 0');
      return;
    }
    const endStream = (flags & flag.END_STREAM) !== 0;
    this.#sink.onDataFrame(streamId, end - start, stop - start - 1, endStream);
    if (stop > start + 1 && !this.#stopped) this.#sink.onDataBytes(buffer, start + 1, stop);
    if (!this.#stopped) this.#sink.onDataEnd(endStream);
  }

  /** Where the padding begins; -1 if it is longer than the payload. Its length stands in the first octet. */
  #withoutPadding(flags: number, buffer: Buffer, start: number, end: number): number {
    if ((flags & flag.PADDED) === 0) return end;
    const stop = start === end ? -1 : end - (buffer[start] as number);
    if (stop > start) return stop;
    this.#fail(errorCodes.PROTOCOL_ERROR, 'more padding than payload');
    return -1;
  }

  #headers(flags: number, streamId: number, buffer: Buffer, from: number, end: number): void {
    const stop = this.#withoutPadding(flags, buffer, from, end);
    if (stop === -1) return;
    let start = (flags & flag.PADDED) === 0 ? from : from + 1;
    let dependsOn = -1;
    if ((flags & flag.PRIORITY) !== 0) {
      if (stop - start < 5) {
        this.#fail(errorCodes.FRAME_SIZE_ERROR, 'a HEADERS frame too short for its priority');
        return;
      }
      dependsOn = buffer.readUInt32BE(start) & MAX_STREAM_ID;
      start += 5;
    }
    if (streamId === 0) {
      this.#fail(errorCodes.PROTOCOL_ERROR, 'HEADERS on stream 0');
      return;
    }
    const endStream = (flags & flag.END_STREAM) !== 0;
    this.#sink.onHeaderFrame(end - from, endStream);
    if (this.#stopped) return;
    if ((flags & flag.END_HEADERS) !== 0) {
      this.#sink.onHeaders(streamId, endStream, dependsOn, buffer, start, stop);
      return;
    }
    this.#blockStream = streamId;
    this.#blockEndsStream = endStream;
    this.#blockDependsOn = dependsOn;
    this.#continuations = 0;
    this.#blockLength = 0;
    this.#block = Buffer.allocUnsafe(Math.max(1024, 2 * (stop - start)));
    this.#addToBlock(this.#block, buffer, start, stop);
  }

  #continuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === null || streamId !== this.#blockStream) {
      this.#fail(errorCodes.PROTOCOL_ERROR, 'CONTINUATION without a header block to continue');
      return;
    }
    if (++this.#continuations > this.#maxContinuations) {
      this.#fail(errorCodes.ENHANCE_YOUR_CALM, 'too many CONTINUATION frames');
      return;
    }
    const ended = (flags & flag.END_HEADERS) !== 0;
    this.#sink.onHeaderFrame(end - start, ended);
    if (this.#stopped || !this.#addToBlock(block, buffer, start, end) || !ended) return;
    const whole = this.#block as Buffer;
    this.#block = null;
    this.#blockStream = 0;
    this.#sink.onHeaders(streamId, this.#blockEndsStream, this.#blockDependsOn, whole, 0, this.#blockLength);
  }

  #addToBlock(block: Buffer, buffer: Buffer, start: number, end: number): boolean {
    const length = this.#blockLength + end - start;
    if (length > this.#maxBlockBytes) {
      this.#fail(errorCodes.ENHANCE_YOUR_CALM, 'a header block is too large');
      return false;
    }
    let room = block;
    if (length > block.length) {
      room = Buffer.allocUnsafe(2 * length);
      block.copy(room, 0, 0, this.#blockLength);
      this.#block = room;
    }
    buffer.copy(room, this.#blockLength, start, end);
    this.#blockLength = length;
    return true;
  }

  #fail(code: number, message: string): void {
    if (this.#stopped) return;
    this.stop();
    this.#sink.onFrameError(code, message);
  }
}
