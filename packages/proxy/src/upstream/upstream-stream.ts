/** A response's head as an upstream gave it, whatever the HTTP version; lasts as long as whoever gets it wants. */
export interface UpstreamResponseHead {
  /** 101 where the connection is upgraded, in HTTP/2 too. */
  readonly status: number;
  /** Empty: the status code's usual one. */
  readonly reason: string;
  /** Flat name, value pairs, names in lower case, without what belongs to a connection only. The sink's from now on. */
  readonly headers: string[];
  /** -1: not known beforehand. 0 also where an HTTP/2 head ends its stream. */
  readonly contentLength: number;
  /** What the connection is upgraded to. */
  readonly upgrade: string;
  readonly bytes: number;
  /** As of requests. */
  readonly neverIndexed?: readonly string[] | null;
}

/** Why a request that had a stream lost it before its response was complete. */
export type ResetReason = 'connection termination' | 'protocol error' | 'remote reset' | 'remote refused stream reset';

/**
 * Who has the stream. `onResponseHead` (any number of 1xx, then one), `onResponseData`s, `onResponseEnd`; or `onReset` at
 * any time, after which, as after `onResponseEnd`, the stream is not the sink's any more.
 */
export interface ResponseSink {
  onResponseHead(head: UpstreamResponseHead): void;
  /** `buffer[start, end)` is valid during the call only. */
  onResponseData(buffer: Buffer, start: number, end: number): void;
  onResponseEnd(trailers: readonly string[]): void;
  /** No more bytes for now: write what was held back. */
  onResponseFlush(): void;
  onReset(reason: ResetReason): void;
  /** The upstream takes bytes again. */
  onUpstreamDrain(): void;
}

/** A request to be sent; read during `request` only. */
export interface OutgoingRequest {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly host: string;
  /** Flat name, value pairs, names in lower case. */
  readonly headers: readonly string[];
  /** What this attempt adds to them, in the same form. */
  readonly extra: readonly string[];
  /** There is a body, and `content-length` does not say how long it is. */
  readonly openEnded: boolean;
  /** Empty if none. */
  readonly upgrade: string;
  /** Names whose values no table of HPACK may keep, on no hop (RFC 7541 section 7.1.3). */
  readonly neverIndexed?: readonly string[] | null;
}

/**
 * One request's way to a host: a connection, or a stream of one. What is written is gathered until `flush` or `end`; bytes
 * are copied. `request`, `data`s, `end` (a request without a body: `end` at once); or `connect` and then bytes.
 */
export interface UpstreamStream {
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** The server's SPIFFE id, empty without mTLS. */
  readonly principal: string;
  /** `IP:port` where our connection begins. */
  readonly localAddress: string;
  /**
   * After `onReset`: the connection had served before, and ended before a byte of the response: the server closed it as
   * this request was under way.
   */
  readonly stale: boolean;
  /** After `onReset`: the server says that it did nothing with this request, so it may be repeated, whatever it is. */
  readonly unprocessed: boolean;
  /** More is buffered than should be: stop writing until `onUpstreamDrain`. */
  readonly blocked: boolean;
  /** Bytes written that are still here. */
  readonly bufferedBytes: number;
  readonly readingPaused: boolean;
  request(sink: ResponseSink, request: OutgoingRequest): void;
  /** No HTTP: bytes go through as they are from the first on. */
  connect(sink: ResponseSink): void;
  data(buffer: Buffer, start: number, end: number): void;
  end(trailers: readonly string[]): void;
  flush(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** After a 101: bytes go through as they are from now on. */
  openTunnel(): void;
  /** Sends the end of the stream, where the tunnel's other side has. */
  endWriting(): void;
  /** The sink wants no more of it. */
  abandon(): void;
}
