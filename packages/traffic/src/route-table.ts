import type { GrpcTimeoutPolicy } from './grpc-timeout.ts';
import type { Random } from '@weft/base/random';
import type { HeaderMatcher } from './header-matcher.ts';
import type { CorsPolicy } from './cors.ts';
import type { FaultPolicy } from './fault.ts';
import type { MirrorPolicy } from './mirror.ts';
import type { RequestView } from './request.ts';
import type { HeaderOperations } from './runtime-config.ts';

/** A compiled RouteConfiguration (and its virtual hosts). */
export interface RouteTable {
  readonly name: string;
  /** Null: no virtual host or no route matches (404 NR). Allocates nothing. */
  match(request: RequestView): Route | null;
}

export interface Route {
  /** As in the resource's `name`; empty if it has none. */
  readonly name: string;
  readonly virtualHost: VirtualHostInfo;
  readonly action: ForwardAction | RedirectAction | DirectResponseAction;
  /** Which object it came from, `KIND/NAMESPACE/NAME/RULE` of `metadata.filterMetadata.weft`. Empty if unknown. */
  readonly origin: string;
  /** Table, virtual host and route level merged in Envoy's order (most specific first), shared by all requests. */
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  /** What spans are called (`decorator`); empty: after the host. */
  readonly operation: string;
  /** Null where nothing is said. A picked weighted cluster has its own. */
  readonly filters: FilterConfigs | null;
}

/**
 * What routes say to the filters of their listener (`typed_per_filter_config`), by the filter's name there: all levels
 * merged. A filter that is null is off for these requests.
 */
export interface FilterConfigs {
  readonly fault: ReadonlyMap<string, FaultPolicy | null>;
  readonly cors: ReadonlyMap<string, CorsPolicy | null>;
}

export interface VirtualHostInfo {
  readonly name: string;
  readonly includeAttemptCount: boolean;
  /** The answer says in how many attempts it was had. */
  readonly includeAttemptCountInResponse: boolean;
}

export interface ForwardAction {
  readonly kind: 'forward';
  readonly clusters: WeightedClusters;
  /** What the client is answered if the picked cluster does not exist: 503 unless the route says 404 or 500. */
  readonly clusterNotFoundStatus: number;
  /** The whole request with all its attempts; 0 means none. Envoy's default where absent: 15 s. */
  readonly timeoutMs: number;
  /** 0: the connection manager's. */
  readonly idleTimeoutMs: number;
  /** From the request's first byte to its answer's last, in place of the connection manager's: 0 is none, -1 leaves it its own. */
  readonly maxStreamDurationMs: number;
  /** Null: what callers of gRPC say of their patience changes nothing. */
  readonly grpcTimeout: GrpcTimeoutPolicy | null;
  readonly retry: RetryPolicy | null;
  /** Empty: that of the picked weighted cluster. */
  readonly hostRewrite: string;
  /** Null: unchanged. Else the matched prefix (or whole path, for an exact match) is replaced. */
  readonly prefixRewrite: { readonly matched: string; readonly replacement: string } | null;
  /** Instead of a prefix: the path without its query, rewritten. Both are applied by `rewritePath`. */
  readonly regexRewrite: PathRewrite | null;
  /** Where the route says so itself, upgrades that may pass (lower case) or may not; else the connection manager's hold. */
  readonly upgrades: readonly string[];
  readonly refusedUpgrades: readonly string[];
  /** Null: no copies. */
  readonly mirrors: readonly MirrorPolicy[] | null;
}

export interface PathRewrite {
  rewrite(pathWithoutQuery: string): string;
}

export interface WeightedClusters {
  readonly entries: readonly WeightedCluster[];
  readonly totalWeight: number;
}

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
  /** Where the route has none of its own; empty: unchanged. */
  readonly hostRewrite: string;
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  /** Those of its route, with its own over them. */
  readonly filters: FilterConfigs | null;
}

export interface RetryPolicy {
  /** Attempts beyond the first. */
  readonly numRetries: number;
  /** 0: none. */
  readonly perTryTimeoutMs: number;
  /** An attempt without a byte in either direction for so long is over; 0: none. */
  readonly perTryIdleTimeoutMs: number;
  readonly on: RetryOn;
  readonly retriableStatusCodes: readonly number[];
  /** Of responses; one that matches is enough. */
  readonly retriableHeaders: readonly HeaderMatcher[];
  /** Of the request: without a match (where there are any) nothing is repeated. */
  readonly retriableRequestHeaders: readonly HeaderMatcher[];
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** Back-off that the upstream asks for in a header; null: it is not listened to. */
  readonly rateLimitedBackoff: RateLimitedBackoff | null;
  /** Do not pick a host that this request has already tried, for this many picks. 0: may pick it again. */
  readonly hostSelectionAttempts: number;
}

export interface RateLimitedBackoff {
  /** Lower case, the first that says something counts. Seconds to wait, or the Unix time in seconds to wait for. */
  readonly headers: readonly { readonly name: string; readonly format: 'seconds' | 'unix_timestamp' }[];
  /** What asks for more is not listened to. */
  readonly maxMs: number;
}

export interface RetryOn {
  readonly serverError5xx: boolean;
  readonly gatewayError: boolean;
  readonly reset: boolean;
  readonly resetBeforeRequest: boolean;
  readonly connectFailure: boolean;
  readonly refusedStream: boolean;
  readonly retriable4xx: boolean;
  readonly retriableStatusCodes: boolean;
  readonly retriableHeaders: boolean;
  /** Responses with `x-envoy-ratelimited`, which are never repeated otherwise. */
  readonly envoyRateLimited: boolean;
  /** `grpc-status` values: cancelled 1, deadline-exceeded 4, resource-exhausted 8, internal 13, unavailable 14. */
  readonly grpcStatuses: readonly number[];
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly status: number;
  /** Builds the Location header. */
  location(request: RequestView): string;
}

export interface DirectResponseAction {
  readonly kind: 'direct';
  readonly status: number;
  readonly body: string;
}

/** The cluster whose share of [0, totalWeight) the random number falls into. Entries of weight 0 are never picked. */
export const pickCluster = (clusters: WeightedClusters, random: Random): WeightedCluster | null => {
  const { entries, totalWeight } = clusters;
  if (entries.length === 1) return entries[0] ?? null;
  let point = random() * totalWeight;
  for (const entry of entries) {
    point -= entry.weight;
    if (point < 0) return entry;
  }
  return null;
};

/** The path and query to send upstream. Returns the very same string where the action rewrites nothing. */
export const rewritePath = (action: ForwardAction, path: string): string => {
  const { prefixRewrite, regexRewrite } = action;
  if (prefixRewrite) return prefixRewrite.replacement + path.slice(prefixRewrite.matched.length);
  if (!regexRewrite) return path;
  const question = path.indexOf('?');
  if (question === -1) return regexRewrite.rewrite(path);
  return regexRewrite.rewrite(path.slice(0, question)) + path.slice(question);
};
