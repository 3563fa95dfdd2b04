import { errorCodes } from './error-codes.ts';
import { INITIAL_WINDOW, MAX_MAX_FRAME_SIZE, MAX_WINDOW, MIN_MAX_FRAME_SIZE } from './frame-types.ts';

/** RFC 9113 section 6.5.2, RFC 8441 section 3. */
export const setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;

/** Until the peer has said what it allows, this many: few peers allow less. */
const ASSUMED_STREAMS = 100;

/** What the peer allows us, as its SETTINGS frames say. */
export class PeerSettings {
  received = false;
  headerTableSize = 4096;
  maxConcurrentStreams = ASSUMED_STREAMS;
  initialWindow = INITIAL_WINDOW;
  maxFrameSize = MIN_MAX_FRAME_SIZE;
  enableConnect = false;

  /** Reads the payload of a SETTINGS frame; an error code, or NO_ERROR. */
  read(buffer: Buffer, start: number, end: number, fromServer: boolean): number {
    if (!this.received) this.maxConcurrentStreams = MAX_WINDOW;
    this.received = true;
    for (let at = start; at < end; at += 6) {
      const error = this.#set(buffer.readUInt16BE(at), buffer.readUInt32BE(at + 2), fromServer);
      if (error !== errorCodes.NO_ERROR) return error;
    }
    return errorCodes.NO_ERROR;
  }

  #set(id: number, value: number, fromServer: boolean): number {
    switch (id) {
      case setting.HEADER_TABLE_SIZE:
        this.headerTableSize = value;
        break;
      case setting.ENABLE_PUSH:
        if (value > (fromServer ? 0 : 1)) return errorCodes.PROTOCOL_ERROR;
        break;
      case setting.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        break;
      case setting.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW) return errorCodes.FLOW_CONTROL_ERROR;
        this.initialWindow = value;
        break;
      case setting.MAX_FRAME_SIZE:
        if (value < MIN_MAX_FRAME_SIZE || value > MAX_MAX_FRAME_SIZE) return errorCodes.PROTOCOL_ERROR;
        this.maxFrameSize = value;
        break;
      case setting.ENABLE_CONNECT_PROTOCOL:
        // Once given it must not be taken back (RFC 8441 section 3).
        if (value > 1 || (this.enableConnect && value === 0)) return errorCodes.PROTOCOL_ERROR;
        this.enableConnect = value === 1;
        break;
      default:
    }
    return errorCodes.NO_ERROR;
  }
}
