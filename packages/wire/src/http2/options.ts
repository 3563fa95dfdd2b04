/** What a session allows its peer. Names and defaults are Envoy's (`config.core.v3.Http2ProtocolOptions`) where it has them. */
export interface Http2Options {
  /** Streams that the peer may have open towards us at once. */
  readonly maxConcurrentStreams: number;
  /** Bytes of a body that may be on their way, or held unread, for one stream; 65,535 to 2^31 - 1. */
  readonly initialStreamWindow: number;
  /** The same for the connection as a whole: what a session may be made to hold of what it receives. */
  readonly initialConnectionWindow: number;
  /** Of a decoded head: names and values. A request with more is answered 431. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Lets clients open tunnels that carry other protocols, such as WebSocket (RFC 8441). */
  readonly enableConnect: boolean;
  /** The largest payload of a frame that we take; 16,384 to 2^24 - 1. */
  readonly maxFrameSize: number;
  /** Octets of the HPACK table for what we receive, and at most for what we send. */
  readonly headerTableSize: number;
  /** Bytes held for one stream, as its peer takes none, above which it is `blocked`. */
  readonly maxHeldBytes: number;
  /** Frames gathered that the socket has not taken. Above it the connection ends (Envoy: outbound_flood). */
  readonly maxOutboundFrames: number;
  /** Of them PING, SETTINGS (acknowledgements) and RST_STREAM (outbound_control_flood). */
  readonly maxOutboundControlFrames: number;
  /** HEADERS, CONTINUATION and DATA frames in a row without payload that do not end a stream. */
  readonly maxConsecutiveInboundFramesWithEmptyPayload: number;
  /** Times (1 + streams opened so far). */
  readonly maxInboundPriorityFramesPerStream: number;
  /** Per DATA frame sent: 5 + 2 * (streams opened + this * DATA frames sent). */
  readonly maxInboundWindowUpdateFramesPerDataFrameSent: number;
  /** CONTINUATION frames of one head. */
  readonly maxContinuationFrames: number;
  /**
   * Streams that the peer reset before it was answered, or that were malformed: above it, if they are also more than half of all,
   * the connection ends (CVE-2023-44487, CVE-2025-8671; Envoy: overload.premature_reset_total_stream_count).
   */
  readonly maxPrematureResets: number;
}

export const defaultHttp2Options: Http2Options = {
  maxConcurrentStreams: 1024,
  initialStreamWindow: 1024 * 1024,
  initialConnectionWindow: 16 * 1024 * 1024,
  maxHeadBytes: 60 * 1024,
  maxHeaders: 100,
  enableConnect: false,
  maxFrameSize: 16_384,
  headerTableSize: 4096,
  maxHeldBytes: 64 * 1024,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveInboundFramesWithEmptyPayload: 1,
  maxInboundPriorityFramesPerStream: 100,
  maxInboundWindowUpdateFramesPerDataFrameSent: 10,
  maxContinuationFrames: 64,
  maxPrematureResets: 500,
};
