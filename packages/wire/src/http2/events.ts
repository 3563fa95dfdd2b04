import type { Http2RequestHead, Http2ResponseHead } from './heads.ts';
import type { Http2Session } from './session.ts';
import type { Http2Stream } from './stream.ts';

/**
 * Receives what the peer sends on one stream: any number of `onData`, then `onEnd`; or `onReset` at any time, after which nothing
 * comes any more. Called from within `session.push`, in order; may call any method of stream and session.
 */
export interface Http2StreamSink {
  /** `buffer[start, end)` is valid during the call only: whoever keeps it copies it. */
  onData(buffer: Buffer, start: number, end: number): void;
  /** The peer sends nothing more on this stream. Trailers are flat name, value pairs. */
  onEnd(trailers: readonly string[]): void;
  /**
   * The stream is gone, both ways. `remote`: the peer reset it, or the connection ended (CONNECTION_LOST, or REFUSED_STREAM for
   * what a GOAWAY says was not processed); else it was malformed and we reset it with `code`. Not called for one's own `reset`.
   */
  onReset(code: number, remote: boolean): void;
  /** After `blocked` was true: there is room again. */
  onWritable(): void;
}

/** A client's stream: `onHead` for each 1xx and once for the response, before all else. */
export interface Http2ResponseSink extends Http2StreamSink {
  onHead(head: Http2ResponseHead): void;
}

/** What concerns the connection. */
export interface Http2SessionEvents {
  /** Server: a request. Set `stream.sink` before returning, or `stream.reset` it. */
  onStream(stream: Http2Stream, head: Http2RequestHead): void;
  /** The peer takes no new streams. Those above `lastStreamId` have had their `onReset` (REFUSED_STREAM). */
  onGoaway(lastStreamId: number, code: number): void;
  /**
   * The peer broke the protocol, or floods. All streams have had their `onReset`, GOAWAY is queued: flush, then close. Called once;
   * after it bytes are ignored.
   */
  onSessionError(code: number, message: string): void;
  /** The peer's settings came: `maxOutgoingStreams`, `peerEnablesConnect` may have changed. */
  onSettings(): void;
  /** The answer to `ping`. */
  onPing(): void;
  /** A stream has ended or was reset, however: there may be room for another, or nothing left to wait for. */
  onStreamClosed(stream: Http2Stream): void;
  /** Something was gathered since the last flush, for the first time: call `flush` when the turn's work is done. */
  onDirty(session: Http2Session): void;
}

/** Where a session's bytes go. */
export interface Http2Output {
  /**
   * `buffer` is the output's until it calls `written`, which it must do once for each write and in their order, also where it fails
   * (as `Socket.write` does). False: more is buffered than should be; `session.drained()` is called later.
   */
  write(buffer: Buffer, written: () => void): boolean;
}
