import { parseDurationMs, protoDuration } from '@weft/base/duration';
import type { DestinationRule, Subset } from '@weft/model/kinds/destination-rule';
import type { ConnectionPoolSettings, TrafficPolicy } from '@weft/model/kinds/traffic-policy';
import { podsOfService } from '@weft/model/pods-of-service';
import type { Mesh, MeshObject, Service, ServicePort } from '@weft/model/mesh';
import type {
  CircuitBreakers,
  Cluster,
  Cluster_LbPolicy,
  Cluster_SlowStartConfig,
} from '@weft/xds-api/gen/envoy/config/cluster/v3';
import { remember } from '../memo.ts';
import { outboundCluster } from '../names.ts';
import { serviceIdentities } from '../service-identities.ts';
import { isHttp } from '../service-port.ts';
import { isTunnelled } from '../tunnelled.ts';
import { outboundProtocol, protocolOptions } from './http-protocol.ts';
import { outlierDetection } from './outlier-detection.ts';
import { withProxyProtocol } from './proxy-protocol.ts';
import { retryBudget } from './retry-budget.ts';
import { type EffectivePolicy, effectivePolicy } from './traffic-policy.ts';
import { transportSecurity } from './transport-security.ts';

/** One cluster to be, and what it is made of. */
export interface OutboundTarget {
  readonly service: Service;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly rule: MeshObject<DestinationRule> | undefined;
  readonly name: string;
}

/** Every port and subset of a service, as those who see this rule for it know it. */
export const outboundTargets = (
  service: Service,
  rule: MeshObject<DestinationRule> | undefined,
): readonly OutboundTarget[] => {
  const named = new Map((rule?.spec.subsets ?? []).map((subset) => [subset.name, subset]));
  const subsets = [undefined, ...named.values()];
  return service.ports
    .filter((port) => port.protocol !== 'udp')
    .flatMap((port) =>
      subsets.map((subset) => ({
        service,
        port,
        subset,
        rule,
        name: outboundCluster(port.port, subset?.name ?? '', service.host),
      })),
    );
};

/** `own`: for our proxy, which speaks HTTP/2 to sidecars that do, whatever its client speaks. */
export const outboundClusterOf = (mesh: Mesh, target: OutboundTarget, own: boolean): Cluster => {
  const { service, port, rule, name } = target;
  const identities = serviceIdentities(mesh, service);
  const tunnels = own && podsOfService(mesh, service).some(isTunnelled);
  const deps = [service, mesh.trustDomain, identities.join(), mesh.meshConfig.h2UpgradePolicy, tunnels];
  // What is the same for all proxies is one object for all.
  const differs = own && (tunnels || isHttp(port.protocol));
  return remember(rule ?? service, `cluster ${name}${differs ? ' of our own' : ''}`, deps, () =>
    build(mesh, target, identities, differs, tunnels),
  );
};

const build = (
  mesh: Mesh,
  target: OutboundTarget,
  identities: readonly string[],
  own: boolean,
  tunnels: boolean,
): Cluster => {
  const { service, port, subset, rule, name } = target;
  const policy = effectivePolicy(rule?.spec, subset, port.port);
  const protocol = isHttp(port.protocol)
    ? outboundProtocol(mesh, port.protocol, policy.connectionPool?.http, own)
    : null;
  return {
    name,
    type: 'EDS',
    edsClusterConfig: {
      edsConfig: { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' },
      serviceName: name,
    },
    connectTimeout: connectTimeoutOf(policy.connectionPool),
    lbPolicy: loadBalancerOf(policy),
    ...slowStart(policy),
    circuitBreakers: circuitBreakersOf(
      policy.connectionPool,
      isHttp(port.protocol),
      subset?.trafficPolicy?.retryBudget ?? rule?.spec.trafficPolicy?.retryBudget,
    ),
    ...outlierDetection(policy.outlierDetection),
    ...(protocol !== null && protocolOptions(protocol, policy.connectionPool)),
    ...keepalive(policy.connectionPool),
    ...withProxyProtocol(
      transportSecurity(mesh, target, policy.tls, identities, protocol, own, tunnels),
      subset?.trafficPolicy?.proxyProtocol ?? rule?.spec.trafficPolicy?.proxyProtocol,
    ),
    metadata: {
      filterMetadata: {
        istio: {
          services: [{ host: service.host, name: service.name, namespace: service.namespace }],
          ...(subset && { subset: subset.name }),
        },
      },
    },
  };
};

/** Istio's default where nothing is said. */
export const connectTimeoutOf = (pool: ConnectionPoolSettings | undefined): string => {
  const said = pool?.tcp?.connectTimeout;
  return said === undefined ? '10s' : protoDuration(parseDurationMs(said) ?? 0);
};

/** Policies that are not there yet fall back to Istio's default; the model has said so. */
const loadBalancerOf = ({ loadBalancer }: EffectivePolicy): Cluster_LbPolicy => {
  switch (loadBalancer?.simple) {
    case 'ROUND_ROBIN':
      return 'ROUND_ROBIN';
    case 'RANDOM':
      return 'RANDOM';
    default:
      return 'LEAST_REQUEST';
  }
};

/** A new endpoint gets its share little by little. Envoy knows it for two balancers only. */
const slowStart = ({ loadBalancer }: EffectivePolicy): Pick<Cluster, 'roundRobinLbConfig' | 'leastRequestLbConfig'> => {
  const { simple, warmup, warmupDurationSecs } = loadBalancer ?? {};
  const window = warmup?.duration ?? warmupDurationSecs;
  if (window === undefined || simple === 'RANDOM') return {};
  const slowStartConfig: Cluster_SlowStartConfig = {
    slowStartWindow: protoDuration(parseDurationMs(window) ?? 0),
    ...(warmup?.aggression !== undefined && {
      aggression: { defaultValue: warmup.aggression, runtimeKey: 'weft.slow_start_aggression' },
    }),
    minWeightPercent: { value: warmup?.minimumPercent ?? 10 },
  };
  return simple === 'ROUND_ROBIN'
    ? { roundRobinLbConfig: { slowStartConfig } }
    : { leastRequestLbConfig: { slowStartConfig } };
};

const UNLIMITED = 0xffffffff;

/**
 * Istio lifts Envoy's limits (1024 connections, 3 retries), which few users know of, unless asked for. A limit of 0 is
 * one that is left out: proto3 knows no difference.
 */
export const circuitBreakersOf = (
  pool: ConnectionPoolSettings | undefined,
  http: boolean,
  budget: TrafficPolicy['retryBudget'],
): CircuitBreakers => ({
  thresholds: [
    {
      maxConnections: pool?.tcp?.maxConnections || UNLIMITED,
      maxPendingRequests: pool?.http?.http1MaxPendingRequests || UNLIMITED,
      maxRequests: pool?.http?.http2MaxRequests || UNLIMITED,
      maxRetries: pool?.http?.maxRetries || UNLIMITED,
      ...(http && retryBudget(budget, pool?.http?.maxRetries)),
      trackRemaining: true,
    },
  ],
});

export const keepalive = (pool: ConnectionPoolSettings | undefined): Pick<Cluster, 'upstreamConnectionOptions'> => {
  const settings = pool?.tcp?.tcpKeepalive;
  if (!settings) return {};
  const seconds = (text: string): number => Math.max(1, Math.round((parseDurationMs(text) ?? 0) / 1000));
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        ...(settings.probes && { keepaliveProbes: settings.probes }),
        ...(settings.time !== undefined && { keepaliveTime: seconds(settings.time) }),
        ...(settings.interval !== undefined && { keepaliveInterval: seconds(settings.interval) }),
      },
    },
  };
};
