import type { AccessLogFormat, AccessLogFormatSettings } from '@weft/telemetry/access-log';
import type { AccessRecord } from '@weft/telemetry/access-record';
import type { Authorizer } from './authorize.ts';
import type { CidrRange } from './cidr.ts';
import type { FaultPolicy } from './fault.ts';
import type { HealthCheckConfig } from './health-check/health-check-config.ts';
import type { Http2Settings } from './http2-settings.ts';
import type { LoadBalancerPolicy } from './load-balancer.ts';
import type { OutlierDetectionConfig } from './outlier/outlier-config.ts';
import type { RouteTable } from './route-table.ts';
import type { TlsContextConfig } from './tls-config.ts';

export type { TlsContextConfig } from './tls-config.ts';

/**
 * What a data plane runs on: compiled from xDS resources, immutable. Requests in flight keep the one they started
 * with. What outlives a swap (pools, host statistics, metrics) is keyed by cluster name and address, and kept by the
 * proxy, not here.
 */
export interface RuntimeConfig {
  readonly listeners: ReadonlyMap<string, ListenerConfig>;
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
  /** RDS tables by name, those that listeners refer to by `routeConfigName`. */
  readonly routeTables: ReadonlyMap<string, RouteTable>;
}

/** Of one xDS resource that cannot be used: the whole resource is refused (NACK) and the last good one stays. */
export interface CompileError {
  readonly resource: string;
  /** Path of the offending field, as in `filterChains[0].filters[0]`, then what is wrong. */
  readonly message: string;
}

export type TrafficDirection = 'inbound' | 'outbound' | 'unspecified';

export interface ListenerConfig {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly direction: TrafficDirection;
  /** Look at the first bytes for a TLS ClientHello before choosing a filter chain (tls_inspector). */
  readonly inspectTls: boolean;
  /** Look at plaintext for HTTP before choosing a filter chain (http_inspector). */
  readonly inspectHttp: boolean;
  /** A PROXY header comes first, and says whose connection it is. `optional`: or none. Null: it is not looked for. */
  readonly proxyProtocol: { readonly optional: boolean; readonly versions: readonly (1 | 2)[] } | null;
  readonly inspectorTimeoutMs: number;
  /**
   * What to do when the first bytes do not come in time (a protocol where the server speaks first): go on as
   * `raw_buffer` without application protocols, or close the connection.
   */
  readonly continueOnInspectorTimeout: boolean;
  /** Most specific match first. Which one a connection gets: `filter-chain-match.ts#findFilterChain`. */
  readonly filterChains: readonly FilterChainConfig[];
  readonly defaultFilterChain: FilterChainConfig | null;
  /** Some chain is for certain addresses only. */
  readonly hasRanges: boolean;
}

export interface FilterChainConfig {
  readonly name: string;
  readonly match: {
    /** Empty: any address. */
    readonly destinationRanges: readonly CidrRange[];
    readonly transportProtocol: '' | 'tls' | 'raw_buffer';
    readonly applicationProtocols: readonly string[];
    readonly serverNames: readonly string[];
  };
  readonly tls: TlsContextConfig | null;
  readonly network: HttpConnectionManagerConfig | TcpProxyConfig;
  /** Network-level RBAC, in order; for `http` it runs before the first request of a connection. */
  readonly networkAuthorizers: readonly Authorizer[];
}

export interface HttpConnectionManagerConfig {
  readonly kind: 'http';
  readonly statPrefix: string;
  /** Exactly one of the two is set. */
  readonly routeConfigName: string | null;
  readonly inlineRoutes: RouteTable | null;
  /** In order, each must allow: `authorize.ts#checkAll`. */
  readonly authorizers: readonly Authorizer[];
  readonly forwardClientCert: 'sanitize' | 'sanitize_set' | 'append_forward' | 'forward_only' | 'always_forward_only';
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  /** Whole request head: bytes, default 60 KiB as in Envoy. */
  readonly maxRequestHeadersBytes: number;
  readonly maxRequestHeaders: number;
  /** What clients speak; `auto`: what ALPN or their first bytes say. */
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly http2: Http2Settings;
  /** 0 disables. Envoy's defaults: stream idle 5 min, connection idle 1 h, request 0; headers 30 s, where Envoy has 0. */
  readonly streamIdleTimeoutMs: number;
  readonly connectionIdleTimeoutMs: number;
  /** After this a client's connection takes no further request; 0: never. */
  readonly maxConnectionDurationMs: number;
  readonly requestTimeoutMs: number;
  /** From a request's first byte to its answer's last; 0: none. */
  readonly maxStreamDurationMs: number;
  readonly requestHeadersTimeoutMs: number;
  readonly serverName: string;
  /** CONNECT and Upgrade types that may pass where a route does not say otherwise, lower case (`connect`, `websocket`). */
  readonly upgrades: readonly string[];
  /** Headers an http filter sets or removes on every request, in order (header_mutation). */
  readonly requestHeaderOps: HeaderOperations;
  readonly responseHeaderOps: HeaderOperations;
  /** The fault filter, if there is one: its name, and what it does where a route says nothing else (null: nothing). */
  readonly fault: { readonly name: string; readonly policy: FaultPolicy | null } | null;
  /** The cors filter, if there is one; it does what routes say. */
  readonly cors: { readonly name: string } | null;
  /** Requests of gRPC-Web are changed to gRPC, and their answers back. */
  readonly grpcWeb: boolean;
  /** Null: requests are not traced. */
  readonly tracing: TracingConfig | null;
  readonly accessLog: readonly AccessLogConfig[];
}

/**
 * Changes of a head, applied in this order: remove, set, overwrite, addIfAbsent, add (`applyHeaderOperations`). `set`,
 * `overwrite`, `addIfAbsent` and `add` are flat name, value pairs; names are lower case. No name stands in two of
 * remove and set.
 */
export interface HeaderOperations {
  readonly remove: readonly string[];
  /** One value in place of all there were. */
  readonly set: readonly string[];
  /** As `set`, where the header is there. */
  readonly overwrite?: readonly string[];
  /** As `add`, where the header is not there. */
  readonly addIfAbsent?: readonly string[];
  readonly add: readonly string[];
  /** All of it one by one, where a value is made of the request at hand; the lists above are empty then. */
  readonly steps?: readonly HeaderStep[];
}

export type HeaderStep =
  | { readonly kind: 'remove'; readonly name: string }
  | {
      readonly kind: 'set' | 'overwrite' | 'addIfAbsent' | 'add';
      readonly name: string;
      readonly value: string;
      /** Null: the value is what it is. */
      readonly format: AccessLogFormat | null;
      /** An empty value of a format is a header too. */
      readonly keepEmpty: boolean;
    };

export interface AccessLogConfig {
  /** `/dev/stdout` or a file. */
  readonly path: string;
  /** Null: Istio's default text. */
  readonly format: AccessLogFormatSettings | null;
  /** Left out: every record is written. */
  readonly filter?: AccessLogFilter;
}

export type AccessLogFilter = (record: AccessRecord) => boolean;

/** One span for each request that is sampled. */
export interface TracingConfig {
  readonly provider: TracingProviderConfig;
  /** Of requests that begin a trace, in percent. */
  readonly samplingPercent: number;
  /** Longest path in `http.url`, in bytes. */
  readonly maxPathTagLength: number;
  readonly customTags: readonly CustomTagConfig[];
}

export interface TracingProviderConfig {
  readonly kind: 'zipkin' | 'opentelemetry';
  readonly cluster: string;
  /** Of the request with spans. */
  readonly authority: string;
  readonly path: string;
  readonly timeoutMs: number;
  /** Empty: the workload's. */
  readonly serviceName: string;
}

export interface CustomTagConfig {
  readonly tag: string;
  /** A request header in lower case; empty: `value` is all there is, else what it is without the header (empty: no tag). */
  readonly header: string;
  readonly value: string;
}

export interface TcpProxyConfig {
  readonly kind: 'tcp';
  readonly statPrefix: string;
  /** Picked by weight for each connection. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  readonly idleTimeoutMs: number;
  /** Of the whole connection, however busy; 0: none. */
  readonly maxConnectionDurationMs: number;
  readonly maxConnectAttempts: number;
  readonly accessLog: readonly AccessLogConfig[];
}

export interface ClusterConfig {
  readonly name: string;
  /**
   * With DNS, addresses of endpoints may be names, which are resolved when a connection is made (both kinds do what Envoy
   * calls LOGICAL_DNS). `dynamic_forward_proxy` has no endpoints: a request goes to the host that its authority names.
   */
  readonly discovery: 'eds' | 'static' | 'strict_dns' | 'logical_dns' | 'original_dst' | 'dynamic_forward_proxy';
  /** EDS name; the cluster's own where it says no other. */
  readonly edsName: string;
  readonly connectTimeoutMs: number;
  readonly loadBalancer: LoadBalancerPolicy;
  /** Replaced, with the cluster, by each EDS update. Empty while unknown. */
  readonly endpoints: readonly EndpointConfig[];
  /** Endpoints are known (possibly none): false until the first EDS response. */
  readonly warm: boolean;
  readonly tls: TlsContextConfig | null;
  /** Per-endpoint TLS by `transportSocketMatches`: the first whose labels the endpoint's `envoy.transport_socket_match` metadata has. */
  readonly tlsMatches: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly tls: TlsContextConfig | null;
  }[];
  /** Version of the PROXY header that comes before everything else on each connection; 0: none. */
  readonly proxyProtocol: 0 | 1 | 2;
  /** Circuit breakers; past them a request is answered 503 with UO, but for the last two. */
  readonly limits: {
    readonly maxConnections: number;
    readonly maxPendingRequests: number;
    readonly maxRequests: number;
    /** Retries under way at once; not looked at where there is a budget. */
    readonly maxRetries: number;
    /** Retries at once as a share of requests in flight and waiting, but always so many. */
    readonly retryBudget: { readonly percent: number; readonly minConcurrency: number } | null;
    /** 0 means no limit. */
    readonly maxRequestsPerConnection: number;
  };
  /**
   * What endpoints are spoken to in. `auto`: what TLS's ALPN agrees on, HTTP/1.1 without; `downstream`: what the client
   * speaks.
   */
  readonly protocol: 'http1' | 'http2' | 'auto' | 'downstream';
  readonly http2: Http2Settings;
  /** Of a connection without a request, default 1 h, 0: none; and of any connection, which ends after its request then. */
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  /** Null: off. Numbers of 0 are the system's. */
  readonly tcpKeepalive: { readonly probes: number; readonly timeMs: number; readonly intervalMs: number } | null;
  readonly outlierDetection: OutlierDetectionConfig | null;
  /** Null: endpoints are as well as EDS says. */
  readonly healthCheck: HealthCheckConfig | null;
  /** Percent of healthy hosts below which all are used, healthy or not; Envoy's default 50, 0: never. */
  readonly panicThreshold: number;
  /** From cluster metadata `istio.services`: what Istio's metrics call the destination. */
  readonly destination: { readonly host: string; readonly name: string; readonly namespace: string };
}

export interface EndpointConfig {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly healthy: boolean;
  readonly region: string;
  readonly zone: string;
  /** From endpoint metadata `istio.workload`: `name;namespace;canonical-name;canonical-revision;cluster`. */
  readonly workload: string;
  /** Metadata `envoy.transport_socket_match`. */
  readonly transportSocketLabels: Readonly<Record<string, string>>;
  /** Not an address but a listener of this proxy, by name, for what is inside of tunnels (Envoy's envoy_internal_address). */
  readonly internalListener?: string;
}
