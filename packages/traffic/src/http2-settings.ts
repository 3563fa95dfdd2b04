/**
 * How a proxy speaks HTTP/2 on its side of a connection, towards clients or endpoints alike.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/protocol.proto#config-core-v3-http2protocoloptions
 */
export interface Http2Settings {
  /** Bytes of the dynamic table that our encoder uses and our decoder lets the peer use. */
  readonly headerTableSize: number;
  /** Towards clients: what they may open. Towards endpoints: the most that we open on one connection. */
  readonly maxConcurrentStreams: number;
  /** Bytes that the peer may send before we take them: on one stream, on the connection. */
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  /** Extended CONNECT (RFC 8441). */
  readonly allowConnect: boolean;
  /** What ends a connection as an attack. */
  readonly maxOutboundFrames: number;
  readonly maxOutboundControlFrames: number;
  readonly maxConsecutiveInboundFramesWithEmptyPayload: number;
  readonly maxInboundPriorityFramesPerStream: number;
  readonly maxInboundWindowUpdateFramesPerDataFrameSent: number;
  /** PING frames that see whether the peer is there; null: none. */
  readonly keepalive: Http2Keepalive | null;
}

export interface Http2Keepalive {
  /** 0: none at intervals. */
  readonly intervalMs: number;
  /** A PING that is not answered for so long ends the connection. */
  readonly timeoutMs: number;
  /** Percent of the interval that is added at random. */
  readonly jitterPercent: number;
  /** A connection without frames for so long gets a PING before its next request; 0: never. */
  readonly idleIntervalMs: number;
}

/**
 * Envoy's defaults but for the windows (16 and 24 MiB there): what a stream may send ahead is what a slow receiver on
 * the other side makes us hold, so it is Envoy's per_connection_buffer_limit_bytes.
 */
export const defaultHttp2Settings: Http2Settings = {
  headerTableSize: 4096,
  maxConcurrentStreams: 1024,
  initialStreamWindow: 1024 * 1024,
  initialConnectionWindow: 16 * 1024 * 1024,
  allowConnect: false,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveInboundFramesWithEmptyPayload: 1,
  maxInboundPriorityFramesPerStream: 100,
  maxInboundWindowUpdateFramesPerDataFrameSent: 10,
  keepalive: null,
};
