import type {
  CircuitBreakers,
  CircuitBreakers_Thresholds_RetryBudget,
  Cluster,
  Cluster_CustomClusterType,
  Cluster_SlowStartConfig,
  UpstreamConnectionOptions,
} from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterConfig as ForwardProxyConfig } from '@weft/xds-api/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3';
import type { HealthCheck, Metadata } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { Percent } from '@weft/xds-api/gen/envoy/type/v3';
import type { LoadBalancerPolicy, SlowStart } from '../load-balancer.ts';
import type { ClusterConfig } from '../runtime-config.ts';
import { checkDnsCache } from './dns-cache.ts';
import { endpoints, labelsOf } from './endpoints.ts';
import { fail } from './failure.ts';
import { at, durationMs, oneOf, onlyKnown, required, typeOf, unpack } from './fields.ts';
import { compileHealthCheck } from './health-check.ts';
import { compileOutlierDetection } from './outlier-detection.ts';
import { compileTransportSocket } from './tls-context.ts';
import { compileUpstreamProxyProtocol } from './upstream-proxy-protocol.ts';
import { compileUpstreamHttp } from './upstream-http.ts';

const DEFAULT_CONNECT_TIMEOUT_MS = 5000;

export const cluster = (json: Cluster): ClusterConfig => {
  checkFields(json);
  const name = required(json.name, 'name');
  const discovery = json.clusterType
    ? customDiscovery(json.clusterType)
    : (discoveryTypes[json.type ?? 'STATIC'] ?? fail('type', `${json.type} is not supported`));
  if (discovery === 'eds' && !json.edsClusterConfig?.edsConfig?.ads) fail('edsClusterConfig.edsConfig', 'must be ads');
  if (json.commonLbConfig) {
    onlyKnown(
      json.commonLbConfig,
      'commonLbConfig',
      ['healthyPanicThreshold'],
      ['updateMergeWindow', 'zoneAwareLbConfig', 'ignoreNewHostsUntilFirstHc', 'closeConnectionsOnHostSetChange'],
    );
  }
  const http = compileUpstreamHttp(json);
  const { proxyProtocol, inner } = compileUpstreamProxyProtocol(json);
  const carriesEndpoints = discovery === 'static' || discovery === 'strict_dns' || discovery === 'logical_dns';
  if (!carriesEndpoints && json.loadAssignment) fail('loadAssignment', `is not for clusters of type ${json.type}`);
  return {
    name,
    discovery,
    edsName: json.edsClusterConfig?.serviceName || name,
    connectTimeoutMs: durationMs(json.connectTimeout, DEFAULT_CONNECT_TIMEOUT_MS, 'connectTimeout'),
    loadBalancer: loadBalancer(json, discovery),
    endpoints: carriesEndpoints && json.loadAssignment ? endpoints(json.loadAssignment, 'loadAssignment') : [],
    warm: discovery !== 'eds',
    tls: compileTransportSocket(inner.transportSocket, 'upstream', 'transportSocket'),
    tlsMatches: (inner.transportSocketMatches ?? []).map((match, i) => {
      const here = at('transportSocketMatches', i);
      onlyKnown(match, here, ['name', 'match', 'transportSocket']);
      return {
        labels: labelsOf(match.match),
        tls: compileTransportSocket(match.transportSocket, 'upstream', at(here, 'transportSocket')),
      };
    }),
    limits: limits(json.circuitBreakers ?? {}, http.maxRequestsPerConnection || (json.maxRequestsPerConnection ?? 0)),
    proxyProtocol,
    protocol: http.protocol,
    http2: http.http2,
    idleTimeoutMs: http.idleTimeoutMs,
    maxConnectionDurationMs: http.maxConnectionDurationMs,
    tcpKeepalive: tcpKeepalive(json.upstreamConnectionOptions ?? {}),
    outlierDetection: json.outlierDetection ? compileOutlierDetection(json.outlierDetection, 'outlierDetection') : null,
    healthCheck: healthCheck(json.healthChecks ?? []),
    panicThreshold: panicThreshold(json.commonLbConfig?.healthyPanicThreshold),
    destination: destination(json.metadata),
  };
};

const discoveryTypes: Readonly<Record<string, ClusterConfig['discovery']>> = {
  STATIC: 'static',
  EDS: 'eds',
  STRICT_DNS: 'strict_dns',
  LOGICAL_DNS: 'logical_dns',
};

const FORWARD_PROXY = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';

const customDiscovery = (json: Cluster_CustomClusterType): ClusterConfig['discovery'] => {
  onlyKnown(json, 'clusterType', ['name', 'typedConfig']);
  const path = 'clusterType.typedConfig';
  const config = required(json.typedConfig, path);
  if (typeOf(config) !== FORWARD_PROXY) fail(at(path, '@type'), `${typeOf(config)} is not supported`);
  const { dnsCacheConfig, ...rest } = unpack<ForwardProxyConfig>(config);
  onlyKnown(rest, path, [], ['allowInsecureClusterOptions', 'allowCoalescedConnections']);
  const cache = at(path, 'dnsCacheConfig');
  checkDnsCache(required(dnsCacheConfig, cache), cache);
  return 'dynamic_forward_proxy';
};

const loadBalancer = (json: Cluster, discovery: ClusterConfig['discovery']): LoadBalancerPolicy => {
  // Whoever finds the hosts also chooses between them.
  if (discovery === 'dynamic_forward_proxy') {
    oneOf(json.lbPolicy, 'ROUND_ROBIN', ['CLUSTER_PROVIDED'], 'lbPolicy');
    return { kind: 'round_robin' };
  }
  switch (json.lbPolicy ?? 'ROUND_ROBIN') {
    case 'ROUND_ROBIN':
      onlyKnown(json.roundRobinLbConfig ?? {}, 'roundRobinLbConfig', ['slowStartConfig']);
      return { kind: 'round_robin', ...slowStart(json.roundRobinLbConfig?.slowStartConfig, 'roundRobinLbConfig') };
    case 'RANDOM':
      return { kind: 'random' };
    case 'LEAST_REQUEST': {
      onlyKnown(json.leastRequestLbConfig ?? {}, 'leastRequestLbConfig', ['choiceCount', 'slowStartConfig']);
      return {
        kind: 'least_request',
        choiceCount: json.leastRequestLbConfig?.choiceCount ?? 2,
        ...slowStart(json.leastRequestLbConfig?.slowStartConfig, 'leastRequestLbConfig'),
      };
    }
    default:
      return fail('lbPolicy', `${json.lbPolicy} is not supported`);
  }
};

/** Envoy's defaults: even growth, from 10 % of the weight on. The run-time key is not looked at. */
const slowStart = (json: Cluster_SlowStartConfig | undefined, path: string): { readonly slowStart?: SlowStart } => {
  const here = at(path, 'slowStartConfig');
  const windowMs = durationMs(json?.slowStartWindow, 0, at(here, 'slowStartWindow'));
  if (!json || windowMs === 0) return {};
  onlyKnown(json, here, ['slowStartWindow', 'aggression', 'minWeightPercent']);
  const aggression = json.aggression?.defaultValue ?? 1;
  if (aggression <= 0) fail(at(here, 'aggression'), 'must be above 0');
  const percent = json.minWeightPercent;
  return { slowStart: { windowMs, aggression, minWeightPercent: percent === undefined ? 10 : (percent.value ?? 0) } };
};

/** Envoy's defaults for priority DEFAULT; HIGH is never used, as routes' priorities are not looked at. */
const limits = (json: CircuitBreakers, maxRequestsPerConnection: number): ClusterConfig['limits'] => {
  const thresholds = json.thresholds?.find((t) => (t.priority ?? 'DEFAULT') === 'DEFAULT') ?? {};
  onlyKnown(
    thresholds,
    'circuitBreakers.thresholds',
    ['priority', 'maxConnections', 'maxPendingRequests', 'maxRequests', 'maxRetries', 'retryBudget'],
    // What remains is always told.
    ['trackRemaining', 'maxConnectionPools'],
  );
  return {
    maxConnections: thresholds.maxConnections ?? 1024,
    maxPendingRequests: thresholds.maxPendingRequests ?? 1024,
    maxRequests: thresholds.maxRequests ?? 1024,
    maxRetries: thresholds.maxRetries ?? 3,
    retryBudget: retryBudget(thresholds.retryBudget),
    maxRequestsPerConnection,
  };
};

const retryBudget = (
  json: CircuitBreakers_Thresholds_RetryBudget | undefined,
): ClusterConfig['limits']['retryBudget'] => {
  if (!json) return null;
  onlyKnown(
    json,
    'circuitBreakers.thresholds.retryBudget',
    ['budgetPercent', 'minRetryConcurrency'],
    ['budgetInterval'],
  );
  // A Percent without a value is one of 0; without a Percent the default holds.
  const percent = json.budgetPercent === undefined ? 20 : (json.budgetPercent.value ?? 0);
  return { percent, minConcurrency: json.minRetryConcurrency ?? 3 };
};

const healthCheck = (json: readonly HealthCheck[]): ClusterConfig['healthCheck'] => {
  if (json.length > 1) fail('healthChecks', 'more than one is not supported');
  return json[0] ? compileHealthCheck(json[0], 'healthChecks[0]') : null;
};

const DEFAULT_PANIC_PERCENT = 50;

const panicThreshold = (percent: Percent | undefined): number =>
  percent === undefined ? DEFAULT_PANIC_PERCENT : Math.min(100, Math.round(percent.value ?? 0));

const tcpKeepalive = (json: UpstreamConnectionOptions): ClusterConfig['tcpKeepalive'] => {
  const path = 'upstreamConnectionOptions';
  onlyKnown(json, path, ['tcpKeepalive'], ['setLocalInterfaceNameOnUpstreamConnections', 'happyEyeballsConfig']);
  if (!json.tcpKeepalive) return null;
  const { keepaliveProbes = 0, keepaliveTime = 0, keepaliveInterval = 0 } = json.tcpKeepalive;
  return { probes: keepaliveProbes, timeMs: keepaliveTime * 1000, intervalMs: keepaliveInterval * 1000 };
};

/** `metadata.filterMetadata.istio.services[0]`; the host otherwise is the last part of Istio's cluster name. */
const destination = (metadata: Metadata | undefined): ClusterConfig['destination'] => {
  const services = metadata?.filterMetadata?.istio?.services;
  const service: unknown = Array.isArray(services) ? services[0] : undefined;
  if (typeof service !== 'object' || service === null) return unknownDestination;
  const text = (field: string): string => {
    const value = (service as Record<string, unknown>)[field];
    return typeof value === 'string' ? value : '';
  };
  return { host: text('host'), name: text('name'), namespace: text('namespace') };
};

const unknownDestination = { host: '', name: '', namespace: '' };

const checkFields = (json: Cluster): void =>
  onlyKnown(
    json,
    '',
    [
      'name',
      'type',
      'clusterType',
      'edsClusterConfig',
      'connectTimeout',
      'lbPolicy',
      'leastRequestLbConfig',
      'roundRobinLbConfig',
      'loadAssignment',
      'maxRequestsPerConnection',
      'circuitBreakers',
      'commonHttpProtocolOptions',
      'typedExtensionProtocolOptions',
      'transportSocket',
      'transportSocketMatches',
      'metadata',
      'commonLbConfig',
      'upstreamConnectionOptions',
      'outlierDetection',
      'healthChecks',
      'http2ProtocolOptions',
      'protocolSelection',
    ],
    [
      'altStatName',
      'statsMatcher',
      'perConnectionBufferLimitBytes',
      'httpProtocolOptions',
      'dnsLookupFamily',
      'dnsRefreshRate',
      'respectDnsTtl',
      'cleanupInterval',
      'trackTimeoutBudgets',
      'trackClusterStats',
      'waitForWarmOnInit',
      'preconnectPolicy',
      'closeConnectionsOnHostHealthFailure',
      'ignoreHealthOnHostRemoval',
    ],
  );
