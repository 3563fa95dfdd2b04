import type { Clock } from '@weft/base/clock';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { defaultHttp2Settings } from '@weft/traffic/http2-settings';
import { noHeaderOperations } from '@weft/traffic/header-operations';
import type { ForwardAction, RetryPolicy, Route, RouteTable } from '@weft/traffic/route-table';
import type {
  ClusterConfig,
  EndpointConfig,
  FilterChainConfig,
  HttpConnectionManagerConfig,
  ListenerConfig,
  RuntimeConfig,
  TlsContextConfig,
} from '@weft/traffic/runtime-config';
import type { Cluster, Host, ProxyContext, TlsStore } from '../context.ts';
import { Overload, type OverloadLimits } from '../overload.ts';
import { protocolAt } from './application-version.ts';
import { ClusterStats } from '../stats/cluster-stats.ts';
import { ProxyStats } from '../stats/proxy-stats.ts';
import type { AccessRecord, PeerLabels, RequestLabels, TcpLabels } from '../telemetry.ts';

/** A ProxyContext made by hand, whose records can be read, for tests and benchmarks of the data path alone. */
export class TestContext implements ProxyContext {
  readonly clock: Clock;
  readonly random = seededRandom(1);
  readonly peerMetadata = '';
  readonly stats = new ProxyStats();
  readonly overload: Overload;
  readonly local = {
    nodeId: 'sidecar~127.0.0.1~a.default~default',
    principal: 'spiffe://cluster.local/ns/default/sa/a',
    labels: labels('a'),
  };
  readonly clustersByName = new Map<string, TestCluster>();
  readonly records: AccessRecord[] = [];
  readonly requestLabels: RequestLabels[] = [];
  readonly requests: {
    code: number;
    flags: string;
    requestBytes: number;
    responseBytes: number;
    labels: RequestLabels;
  }[] = [];
  readonly tcpEvents: {
    kind: 'opened' | 'transferred' | 'closed';
    received?: number;
    sent?: number;
    flags?: string;
    labels: TcpLabels;
  }[] = [];
  readonly routeTables = new Map<string, RouteTable>();
  tlsStore: TlsStore | null = null;
  readonly rotated: (() => void)[] = [];
  readonly removed: ((cluster: Cluster, host: Host) => void)[] = [];

  constructor(clock: Clock = systemClock, limits: OverloadLimits = {}) {
    this.clock = clock;
    this.overload = new Overload(limits, clock);
  }

  config(): RuntimeConfig {
    return { listeners: new Map(), clusters: new Map(), routeTables: this.routeTables };
  }

  readonly clusters = {
    get: (name: string): Cluster | null => this.clustersByName.get(name) ?? null,
    onHostRemoved: (fn: (cluster: Cluster, host: Host) => void) => {
      this.removed.push(fn);
      return () => {};
    },
  };

  readonly tls: TlsStore = {
    server: (config) => this.tlsStore?.server(config) ?? null,
    client: (config) => this.tlsStore?.client(config) ?? null,
    onRotated: (fn) => {
      this.rotated.push(fn);
      return () => {};
    },
  };

  readonly telemetry = {
    requests: (requestLabels: RequestLabels) => {
      this.requestLabels.push(requestLabels);
      return {
        record: (
          code: number,
          flags: string,
          _grpc: string,
          _ms: number,
          requestBytes: number,
          responseBytes: number,
        ) => void this.requests.push({ code, flags, requestBytes, responseBytes, labels: requestLabels }),
      };
    },
    tcp: (tcpLabels: TcpLabels) => ({
      opened: () => void this.tcpEvents.push({ kind: 'opened', labels: tcpLabels }),
      transferred: (received: number, sent: number) =>
        void this.tcpEvents.push({ kind: 'transferred', received, sent, labels: tcpLabels }),
      closed: (received: number, sent: number, flags: string) =>
        void this.tcpEvents.push({ kind: 'closed', received, sent, flags, labels: tcpLabels }),
    }),
    accessLog: () => ({ write: (record: AccessRecord) => void this.records.push(record) }),
  };

  addCluster(
    name: string,
    endpoints: readonly (number | EndpointConfig)[],
    over: Partial<ClusterConfig> = {},
  ): TestCluster {
    const cluster = new TestCluster(clusterConfig(name, endpoints, over));
    this.clustersByName.set(name, cluster);
    return cluster;
  }
}

export class TestCluster implements Cluster {
  readonly name: string;
  config: ClusterConfig;
  readonly hosts: Host[];
  activeRequests = 0;
  activeConnections = 0;
  pendingRequests = 0;
  activeRetries = 0;
  readonly stats = new ClusterStats();
  readonly outside = null;
  #next = 0;

  constructor(config: ClusterConfig) {
    this.name = config.name;
    this.config = config;
    this.hosts = config.endpoints.map((endpoint) => ({
      address: endpoint.address,
      port: endpoint.port,
      weight: endpoint.weight,
      config: endpoint,
      tls: config.tls,
      active: 0,
      pool: null,
      removed: false,
      outlier: null,
      failedCheck: false,
      lookup: null,
      destination: null,
    }));
  }

  pick(tried: readonly Host[] | null): Host | null {
    const left = this.hosts.filter((host) => !tried?.includes(host));
    const from = left.length > 0 ? left : this.hosts;
    return from[this.#next++ % from.length] ?? null;
  }
}

export const labels = (name: string): PeerLabels => ({
  workload: name,
  namespace: 'default',
  app: name,
  version: 'v1',
  canonicalName: name,
  canonicalRevision: 'v1',
  cluster: 'Kubernetes',
});

export const endpoint = (port: number, workload = ''): EndpointConfig => ({
  address: '127.0.0.1',
  port,
  weight: 1,
  healthy: true,
  region: '',
  zone: '',
  workload,
  transportSocketLabels: {},
});

export const clusterConfig = (
  name: string,
  endpoints: readonly (number | EndpointConfig)[],
  over: Partial<ClusterConfig> = {},
): ClusterConfig => ({
  name,
  discovery: 'static',
  edsName: name,
  connectTimeoutMs: 1000,
  loadBalancer: { kind: 'round_robin' },
  endpoints: endpoints.map((e) => (typeof e === 'number' ? endpoint(e) : e)),
  warm: true,
  tls: null,
  tlsMatches: [],
  proxyProtocol: 0,
  limits: {
    maxConnections: 2 ** 32 - 1,
    maxPendingRequests: 2 ** 32 - 1,
    maxRequests: 2 ** 32 - 1,
    maxRetries: 2 ** 32 - 1,
    retryBudget: null,
    maxRequestsPerConnection: 0,
  },
  protocol: protocolAt(endpoints.map((e) => (typeof e === 'number' ? e : e.port))),
  http2: { ...defaultHttp2Settings, allowConnect: true },
  idleTimeoutMs: 3_600_000,
  maxConnectionDurationMs: 0,
  tcpKeepalive: null,
  outlierDetection: null,
  healthCheck: null,
  panicThreshold: 0,
  destination: { host: `${name}.default.svc.cluster.local`, name, namespace: 'default' },
  ...over,
});

export const manager = (
  routes: RouteTable,
  over: Partial<HttpConnectionManagerConfig> = {},
): HttpConnectionManagerConfig => ({
  kind: 'http',
  statPrefix: 'test',
  routeConfigName: null,
  inlineRoutes: routes,
  authorizers: [],
  forwardClientCert: 'sanitize',
  normalizePath: true,
  mergeSlashes: false,
  maxRequestHeadersBytes: 60 * 1024,
  maxRequestHeaders: 100,
  codec: 'auto',
  http2: { ...defaultHttp2Settings, allowConnect: true },
  streamIdleTimeoutMs: 300_000,
  connectionIdleTimeoutMs: 3_600_000,
  maxConnectionDurationMs: 0,
  requestTimeoutMs: 0,
  maxStreamDurationMs: 0,
  requestHeadersTimeoutMs: 0,
  serverName: '',
  upgrades: [],
  requestHeaderOps: noHeaderOperations,
  fault: null,
  cors: null,
  grpcWeb: false,
  responseHeaderOps: noHeaderOperations,
  tracing: null,
  accessLog: [{ path: '/dev/stdout', format: null }],
  ...over,
});

export const listener = (
  network: FilterChainConfig['network'],
  over: Partial<ListenerConfig> = {},
  tls: TlsContextConfig | null = null,
): ListenerConfig => ({
  name: 'test',
  address: '127.0.0.1',
  port: 0,
  direction: 'outbound',
  inspectTls: false,
  inspectHttp: false,
  proxyProtocol: null,
  inspectorTimeoutMs: 1000,
  continueOnInspectorTimeout: false,
  filterChains: [chain(network, tls)],
  defaultFilterChain: null,
  hasRanges: false,
  ...over,
});

export const chain = (
  network: FilterChainConfig['network'],
  tls: TlsContextConfig | null = null,
): FilterChainConfig => ({
  name: tls === null ? 'plain' : 'tls',
  match: {
    destinationRanges: [],
    transportProtocol: tls === null ? '' : 'tls',
    applicationProtocols: [],
    serverNames: [],
  },
  tls,
  network,
  networkAuthorizers: [],
});

export const noRetryOn: RetryPolicy['on'] = {
  serverError5xx: false,
  gatewayError: false,
  reset: false,
  resetBeforeRequest: false,
  connectFailure: false,
  refusedStream: false,
  retriable4xx: false,
  retriableStatusCodes: false,
  retriableHeaders: false,
  envoyRateLimited: false,
  grpcStatuses: [],
};

export const retryPolicy = (
  over: Partial<Omit<RetryPolicy, 'on'>> & { on: Partial<RetryPolicy['on']> },
): RetryPolicy => ({
  numRetries: 2,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  retriableStatusCodes: [],
  retriableHeaders: [],
  retriableRequestHeaders: [],
  backoffBaseMs: 1,
  backoffMaxMs: 10,
  rateLimitedBackoff: null,
  hostSelectionAttempts: 3,
  ...over,
  on: { ...noRetryOn, ...over.on },
});

/** A route for everything to one cluster. */
export const forwardTo = (cluster: string, over: Partial<ForwardAction> = {}): Route => ({
  name: 'default',
  virtualHost: { name: 'all', includeAttemptCount: true, includeAttemptCountInResponse: false },
  origin: '',
  operation: '',
  requestHeaders: noHeaderOperations,
  responseHeaders: noHeaderOperations,
  filters: null,
  action: {
    kind: 'forward',
    clusters: {
      entries: [
        {
          name: cluster,
          weight: 1,
          hostRewrite: '',
          requestHeaders: noHeaderOperations,
          responseHeaders: noHeaderOperations,
          filters: null,
        },
      ],
      totalWeight: 1,
    },
    clusterNotFoundStatus: 503,
    timeoutMs: 0,
    idleTimeoutMs: 0,
    maxStreamDurationMs: -1,
    grpcTimeout: null,
    retry: null,
    hostRewrite: '',
    prefixRewrite: null,
    regexRewrite: null,
    upgrades: [],
    refusedUpgrades: [],
    mirrors: null,
    ...over,
  },
});

export const table = (match: RouteTable['match'] | Route): RouteTable => ({
  name: 'test',
  match: typeof match === 'function' ? match : () => match,
});
