import type { Http2StreamSink } from './events.ts';
import type { Http2Session } from './session.ts';

/** One request and its response. (Interface only until the next commit.) */
export declare class Http2Stream {
  readonly session: Http2Session;
  readonly id: number;
  sink: Http2StreamSink;
  /** Neither side sends any more. */
  readonly closed: boolean;
  /** The peer has ended its side. */
  readonly remoteEnded: boolean;
  /** We have ended ours (what is held may still be on its way). */
  readonly localEnded: boolean;
  /** Server: 1xx. */
  informational(status: number, headers: readonly string[]): void;
  /** Server: the response's head. `extra` are further headers, behind `headers`. */
  respond(
    status: number,
    headers: readonly string[],
    extra: readonly string[],
    endStream: boolean,
    neverIndexed?: readonly string[] | null,
  ): void;
  /** Copies. What windows or socket do not take is held: see `blocked`. */
  data(buffer: Buffer, start: number, end: number): void;
  /** Ends our side. Trailers are flat name, value pairs in lower case; empty for none. */
  end(trailers: readonly string[]): void;
  /** More is held than should be: stop calling `data` until `sink.onWritable`. */
  readonly blocked: boolean;
  /** Bytes held. */
  readonly heldBytes: number;
  /**
   * Gives the peer no further window for this stream, until resumed. What was sent before still comes as `onData`: at most
   * `initialStreamWindow` bytes.
   */
  pauseReading(): void;
  resumeReading(): void;
  /** RST_STREAM; the sink hears nothing more. NO_ERROR after a complete response asks the client to stop sending its body. */
  reset(code: number): void;
}
