import type { Http2Counters } from './counters.ts';
import type { Http2Output, Http2ResponseSink, Http2SessionEvents } from './events.ts';
import type { Http2Options } from './options.ts';
import type { Http2Stream } from './stream.ts';

/** One HTTP/2 connection, RFC 9113: bytes in, events out, and back. (Interface only until the next commit.) */
export declare class Http2Session {
  readonly role: 'server' | 'client';
  constructor(
    role: 'server' | 'client',
    options: Http2Options,
    output: Http2Output,
    events: Http2SessionEvents,
    counters: Http2Counters,
  );
  /** Sends preface (client) and settings. Bytes gathered: flush. */
  start(): void;
  /** Bytes of the connection; valid during the call only. */
  push(buffer: Buffer, start: number, end: number): void;
  /** Something is gathered that was not flushed. */
  readonly dirty: boolean;
  /** Writes all that was gathered as one write. */
  flush(): void;
  /** The output takes bytes again. */
  drained(): void;
  /** Streams open now, of either side. */
  readonly activeStreams: number;
  /** Streams opened so far, of either side. */
  readonly totalStreams: number;
  /** Client: `openStream` will give a stream now. */
  readonly canOpen: boolean;
  /** What the peer's settings allow us to have open at once; 100 until they are known. */
  readonly maxOutgoingStreams: number;
  readonly settingsReceived: boolean;
  /** The peer takes extended CONNECT (RFC 8441). */
  readonly peerEnablesConnect: boolean;
  /** GOAWAY was sent (server: new requests are refused) or received (client: no new streams). */
  readonly draining: boolean;
  /** The protocol was broken, or `stop` called. */
  readonly failed: boolean;
  /**
   * Client: null unless `canOpen`. `protocol` is for an extended CONNECT, else empty; with method CONNECT and no protocol, scheme
   * and path are not sent. `extra` are further headers, behind `headers`. Names must be in lower case; host goes in `authority`.
   */
  openStream(
    sink: Http2ResponseSink,
    method: string,
    scheme: string,
    authority: string,
    path: string,
    protocol: string,
    headers: readonly string[],
    extra: readonly string[],
    endStream: boolean,
    neverIndexed?: readonly string[] | null,
  ): Http2Stream | null;
  ping(): void;
  /** No new streams from the peer: a warning first (GOAWAY 2^31 - 1), after a round trip the final one. Streams finish. */
  drain(): void;
  /** The final GOAWAY at once. */
  goaway(code: number): void;
  /** The connection is gone: every stream gets `onReset(CONNECTION_LOST, true)`. */
  stop(): void;
}
