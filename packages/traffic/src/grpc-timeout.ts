import { headerValue } from './request.ts';

/**
 * Whether a caller of gRPC may say how long it waits (`grpc-timeout`). `route`: in place of the route's timeout
 * (max_grpc_timeout, grpc_timeout_offset); `stream`: in place of the stream's longest duration (grpc_timeout_header_max,
 * grpc_timeout_header_offset).
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-routeaction-maxstreamduration
 */
export interface GrpcTimeoutPolicy {
  readonly of: 'route' | 'stream';
  /** 0: as long as the caller likes. */
  readonly maxMs: number;
  /** Taken off what the caller says, so that it hears of the end before its own clock has run out. */
  readonly offsetMs: number;
}

/** How long a request may take; 0: for ever. Null: it says nothing that the policy looks at. */
export const grpcTimeoutMs = (policy: GrpcTimeoutPolicy, headers: readonly string[]): number | null => {
  const asked = parseGrpcTimeout(headerValue(headers, 'grpc-timeout') ?? '');
  if (asked === null && policy.of === 'stream') return null;
  let ms = asked ?? 0;
  if (policy.of === 'route' && ms > policy.offsetMs) ms -= policy.offsetMs;
  if (policy.maxMs > 0 && (ms === 0 || ms > policy.maxMs)) ms = policy.maxMs;
  if (policy.of === 'stream' && ms > policy.offsetMs) ms -= policy.offsetMs;
  return ms;
};

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** In milliseconds, rounded up; null if it is not what the gRPC protocol has. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export const parseGrpcTimeout = (text: string): number | null => {
  const parts = /^(\d{1,8})([HMSmun])$/.exec(text);
  return parts === null ? null : Math.ceil(Number(parts[1]) * (unitsMs[parts[2] as string] as number));
};

/** In the largest unit that loses nothing, as far as eight digits go. */
export const formatGrpcTimeout = (ms: number): string => {
  const whole = Math.ceil(ms);
  if (whole < 1e8) return `${whole}m`;
  return whole < 1e11 ? `${Math.ceil(whole / 1000)}S` : `${Math.min(99_999_999, Math.ceil(whole / 60_000))}M`;
};
