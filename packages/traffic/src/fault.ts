import type { Random } from '@weft/base/random';
import type { HeaderMatcher } from './header-matcher.ts';
import type { RequestView } from './request.ts';
import type { FilterConfigs } from './route-table.ts';
import type { HttpConnectionManagerConfig } from './runtime-config.ts';

/**
 * What a fault filter does to a request before the router sees it: a delay, then perhaps an answer in the upstream's
 * place, which is never retried.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter
 */
export interface FaultPolicy {
  /** 0: none. */
  readonly delayMs: number;
  /** Shares of requests are in [0, 1]. */
  readonly delayShare: number;
  readonly abortShare: number;
  /** 200 where the fault is a status of gRPC. */
  readonly abortStatus: number;
  /** -1: from the HTTP status. */
  readonly abortGrpcStatus: number;
  readonly abortBody: string;
  /** Requests that had a fault and are still under way, of one connection manager; more go through untouched. */
  readonly maxActive: number;
  /** All must match, or the request goes through untouched. */
  readonly headers: readonly HeaderMatcher[];
  /** Empty: any. */
  readonly upstreamCluster: string;
}

/** What a route says counts instead of what the filter says; null: no fault. */
export const faultPolicy = (
  { fault }: Pick<HttpConnectionManagerConfig, 'fault'>,
  filters: FilterConfigs | null,
): FaultPolicy | null => {
  if (fault === null) return null;
  const own = filters?.fault.get(fault.name);
  return own === undefined ? fault.policy : own;
};

/** For explanations: `delays 10 % by 400 ms, aborts 5 % with 503`. */
export const describeFault = ({
  delayMs,
  delayShare,
  abortShare,
  abortStatus,
  abortGrpcStatus,
}: FaultPolicy): string => {
  const parts: string[] = [];
  if (delayMs * delayShare > 0) parts.push(`delays ${delayShare * 100} % by ${delayMs} ms`);
  const status = abortGrpcStatus >= 0 ? `gRPC status ${abortGrpcStatus}` : `${abortStatus}`;
  if (abortShare > 0) parts.push(`aborts ${abortShare * 100} % with ${status}`);
  return parts.join(', ') || 'does nothing';
};

export const faultApplies = (policy: FaultPolicy, request: RequestView, cluster: string): boolean =>
  (policy.upstreamCluster === '' || policy.upstreamCluster === cluster) &&
  policy.headers.every((header) => header.matches(request));

/** Milliseconds; 0: go on at once. */
export const drawDelay = (policy: FaultPolicy, random: Random): number =>
  policy.delayMs > 0 && happens(policy.delayShare, random) ? policy.delayMs : 0;

export const drawAbort = (policy: FaultPolicy, random: Random): boolean => happens(policy.abortShare, random);

const happens = (share: number, random: Random): boolean => share > 0 && (share >= 1 || random() < share);
