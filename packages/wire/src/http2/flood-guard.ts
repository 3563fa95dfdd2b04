import type { Http2Counters } from './counters.ts';
import type { Http2Options } from './options.ts';

/**
 * Counts what a peer can send, or make us send, cheaply and without end. The limits and their formulas are Envoy's
 * (`config.core.v3.Http2ProtocolOptions`, source/common/http/http2). Each method returns what to say as the connection ends, or null.
 */
export class FloodGuard {
  readonly #options: Http2Options;
  readonly #counters: Http2Counters;
  #empty = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #premature = 0;
  /** Of this session, kept by it. */
  streams = 0;
  dataFramesSent = 0;

  constructor(options: Http2Options, counters: Http2Counters) {
    this.#options = options;
    this.#counters = counters;
  }

  /** A HEADERS, CONTINUATION or DATA frame. */
  payload(length: number, endsStream: boolean): string | null {
    if (length > 0 || endsStream) {
      this.#empty = 0;
      return null;
    }
    if (++this.#empty <= this.#options.maxConsecutiveInboundFramesWithEmptyPayload) return null;
    this.#counters.inbound_empty_frames_flood++;
    return 'too many frames with empty payload';
  }

  priority(): string | null {
    if (++this.#priorities <= this.#options.maxInboundPriorityFramesPerStream * (1 + this.streams)) return null;
    this.#counters.inbound_priority_frames_flood++;
    return 'too many PRIORITY frames';
  }

  windowUpdate(): string | null {
    const perData = this.#options.maxInboundWindowUpdateFramesPerDataFrameSent;
    if (++this.#windowUpdates <= 5 + 2 * (this.streams + perData * this.dataFramesSent)) return null;
    this.#counters.inbound_window_update_frames_flood++;
    return 'too many WINDOW_UPDATE frames';
  }

  /** A stream that the peer ended before its time: work for us, none for it. */
  prematureReset(): string | null {
    this.#premature++;
    if (this.#premature <= this.#options.maxPrematureResets || this.#premature * 2 <= this.streams) return null;
    return 'too many streams reset before they were answered';
  }

  /** Frames gathered while the socket takes none. */
  outbound(frames: number, controlFrames: number): string | null {
    if (controlFrames > this.#options.maxOutboundControlFrames) {
      this.#counters.outbound_control_flood++;
      return 'too many control frames to be sent';
    }
    if (frames <= this.#options.maxOutboundFrames) return null;
    this.#counters.outbound_flood++;
    return 'too many frames to be sent';
  }
}
