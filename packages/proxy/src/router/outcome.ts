import type { WireError } from '@weft/wire/http1/wire-error';
import type { ResetReason } from '../upstream/upstream-stream.ts';

/**
 * How a request ended, in Envoy's words: response flags and `%RESPONSE_CODE_DETAILS%`.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags
 */
export interface LocalReply {
  /** 0: the client is gone, nobody is answered. */
  readonly status: number;
  readonly body: string;
  /** Empty if nothing went wrong. */
  readonly flags: string;
  readonly details: string;
  /** What callers of gRPC are told; left out, what fits the status. */
  readonly grpcStatus?: number;
}

/**
 * `grpc-message`: bytes outside printable ASCII, and percent signs, as %XX.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export const encodeGrpcMessage = (text: string): string =>
  text.replace(/[^ -$&-~]+/g, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );

const reply = (status: number, body: string, flags: string, details: string): LocalReply => ({
  status,
  body,
  flags,
  details,
});

export const localReplies = {
  routeNotFound: reply(404, '', 'NR', 'route_not_found'),
  noHealthyUpstream: reply(503, 'no healthy upstream', 'UH', 'no_healthy_upstream'),
  responseTimeout: reply(504, 'upstream request timeout', 'UT', 'response_timeout'),
  perTryIdleTimeout: reply(504, 'upstream request timeout', 'UT', 'upstream_per_try_idle_timeout'),
  perTryTimeout: reply(504, 'upstream request timeout', 'UT', 'upstream_per_try_timeout'),
  overloaded: reply(503, 'envoy overloaded', 'OM', 'overload'),
  dnsFailure: reply(503, 'DNS resolution failure', 'DF', 'dns_resolution_failure'),
  outsideRefused: reply(403, 'not to be reached from here', '', 'outside_host_refused'),
  overflow: reply(
    503,
    'upstream connect error or disconnect/reset before headers. reset reason: overflow',
    'UO',
    'upstream_reset_before_response_started{overflow}',
  ),
  pathRefused: reply(400, '', '', 'path_normalization_failed'),
  upgradeRefused: reply(403, '', '', 'upgrade_failed'),
  requestTimeout: reply(408, 'request timeout', 'DT', 'request_overall_timeout'),
  headerTimeout: reply(408, 'request header timeout', 'DT', 'request_header_timeout'),
  maxDuration: { ...reply(408, 'downstream duration timeout', '', 'max_duration_timeout'), grpcStatus: 4 },
  streamIdleTimeout: reply(408, 'stream timeout', 'SI', 'stream_idle_timeout'),
  upstreamIdleTimeout: reply(504, 'stream timeout', 'SI', 'stream_idle_timeout'),
} as const satisfies Record<string, LocalReply>;

/** Bytes that are not HTTP, or more of it than allowed. */
export const protocolError = (error: WireError): LocalReply =>
  reply(error.status, wireBodies[error.status], 'DPE', error.reason);

const wireBodies: Record<WireError['status'], string> = {
  400: 'Bad Request',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
};

export const clusterNotFound = (status: number): LocalReply => reply(status, '', 'NC', 'cluster_not_found');

export const accessDenied = (policy: string): LocalReply =>
  reply(403, 'RBAC: access denied', '', `rbac_access_denied_matched_policy[${policy || 'none'}]`);

/** How a client left before it had its answer. */
export interface DownstreamEnd {
  readonly flag: string;
  readonly details: string;
}

export const disconnect: DownstreamEnd = { flag: 'DC', details: 'downstream_remote_disconnect' };
export const remoteReset: DownstreamEnd = { flag: 'DR', details: 'http2.remote_reset' };
export const downstreamViolation: DownstreamEnd = { flag: 'DPE', details: 'http2.violation.of.messaging.rule' };

/** Response flags of a request whose stream was lost. */
export const resetFlags: Record<ResetReason, string> = {
  'connection termination': 'UC',
  'protocol error': 'UPE',
  'remote reset': 'UR',
  'remote refused stream reset': 'UR',
};

const TRANSPORT_FAILURE = ', transport failure reason: ';

/** `reason` as Envoy has it; `retried`: this was not the first attempt. */
export const upstreamReset = (reason: string, flag: string, retried: boolean): LocalReply => {
  const what = retried ? 'retried and the latest reset reason' : 'reset reason';
  const status = flag === 'UPE' ? 502 : 503;
  // Why a connection failed is for the log, not for the client.
  const [reset = '', transport] = reason.split(TRANSPORT_FAILURE);
  const cause = (transport === undefined ? reset : `${reset}|${transport}`).replaceAll(' ', '_');
  return reply(
    status,
    `upstream connect error or disconnect/reset before headers. ${what}: ${reset}`,
    flag,
    `upstream_reset_before_response_started{${cause}}`,
  );
};
