/** One request or connection that ended; a plain object with all fields set, so that its shape is stable. */
export interface AccessRecord {
  /** Since the epoch. */
  startTimeMs: number;
  durationMs: number;
  method: string;
  path: string;
  protocol: string;
  authority: string;
  /** 0 if no answer was sent. */
  responseCode: number;
  responseFlags: string;
  responseCodeDetails: string;
  requestBytes: number;
  responseBytes: number;
  /** Negative: the upstream never answered. */
  upstreamServiceTimeMs: number;
  forwardedFor: string;
  userAgent: string;
  requestId: string;
  upstreamHost: string;
  upstreamCluster: string;
  downstreamRemoteAddress: string;
  downstreamLocalAddress: string;
  requestedServerName: string;
  routeName: string;
  attempts: number;
  /** Names (lower case) and values in turn, as the upstream got them. */
  requestHeaders: readonly string[];
  responseHeaders: readonly string[];
  responseTrailers: readonly string[];
  /** Empty for plain TCP. */
  scheme: string;
  /** Empty: not gRPC. */
  grpcStatus: string;
  /** From the start until the upstream's answer began; negative: it never did. */
  responseStartMs: number;
  requestHeadBytes: number;
  responseHeadBytes: number;
  upstreamLocalAddress: string;
  upstreamProtocol: string;
  upstreamTransportFailure: string;
  connectionTermination: string;
  /** SPIFFE ids; empty without mTLS. */
  downstreamPeerPrincipal: string;
  downstreamLocalPrincipal: string;
  upstreamPeerPrincipal: string;
  /** Empty where requests are not traced. */
  traceId: string;
  filterChainName: string;
}

const none: readonly string[] = [];

/** With everything unset, for what follows to be filled in. */
export const emptyAccessRecord = (): AccessRecord => ({
  startTimeMs: 0,
  durationMs: 0,
  method: '',
  path: '',
  protocol: '',
  authority: '',
  responseCode: 0,
  responseFlags: '-',
  responseCodeDetails: '',
  requestBytes: 0,
  responseBytes: 0,
  upstreamServiceTimeMs: -1,
  forwardedFor: '',
  userAgent: '',
  requestId: '',
  upstreamHost: '',
  upstreamCluster: '',
  downstreamRemoteAddress: '',
  downstreamLocalAddress: '',
  requestedServerName: '',
  routeName: '',
  attempts: 0,
  requestHeaders: none,
  responseHeaders: none,
  responseTrailers: none,
  scheme: '',
  grpcStatus: '',
  responseStartMs: -1,
  requestHeadBytes: 0,
  responseHeadBytes: 0,
  upstreamLocalAddress: '',
  upstreamProtocol: '',
  upstreamTransportFailure: '',
  connectionTermination: '',
  downstreamPeerPrincipal: '',
  downstreamLocalPrincipal: '',
  upstreamPeerPrincipal: '',
  traceId: '',
  filterChainName: '',
});
