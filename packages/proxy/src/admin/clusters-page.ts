import { isIP } from 'node:net';
import type { ClusterConfig, EndpointConfig, RuntimeConfig } from '@weft/traffic/runtime-config';
import type { LiveClusters } from '../cluster-manager.ts';
import type { Host } from '../context.ts';
import { type Answer, json, text } from './admin-server.ts';

/** Envoy's `/clusters`: settings, then hosts with their counters; https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--clusters */
export const clustersPage = (
  config: RuntimeConfig,
  live: Pick<LiveClusters, 'hostsOf'>,
  query: URLSearchParams,
): Answer => (query.get('format') === 'json' ? json(asJson(config, live)) : text(asText(config, live)));

const asText = (config: RuntimeConfig, live: Pick<LiveClusters, 'hostsOf'>): string => {
  let lines = '';
  for (const cluster of config.clusters.values()) {
    lines += settings(cluster);
    for (const shown of shownHosts(cluster, live.hostsOf(cluster.name))) lines += hostLines(cluster.name, shown);
  }
  return lines;
};

interface Shown {
  readonly endpoint: EndpointConfig;
  /** Null: no request has asked for it. */
  readonly host: Host | null;
}

/** Those that the configuration names, then those that were found otherwise: by the names that requests ask for. */
const shownHosts = ({ endpoints }: ClusterConfig, hosts: readonly Host[]): Shown[] => {
  const found = new Map(hosts.map((host) => [`${host.address}:${host.port}`, host]));
  const shown: Shown[] = endpoints.map((endpoint) => {
    const at = `${endpoint.address}:${endpoint.port}`;
    const host = found.get(at) ?? null;
    found.delete(at);
    return { endpoint, host };
  });
  return [...shown, ...[...found.values()].map((host) => ({ endpoint: host.config, host }))];
};

const settings = ({ name, limits, discovery }: ClusterConfig): string =>
  [
    `observability_name::${name}`,
    `default_priority::max_connections::${limits.maxConnections}`,
    `default_priority::max_pending_requests::${limits.maxPendingRequests}`,
    `default_priority::max_requests::${limits.maxRequests}`,
    `default_priority::max_retries::${limits.maxRetries}`,
    `added_via_api::true`,
    `type::${discovery}`,
  ]
    .map((line) => `${name}::${line}\n`)
    .join('');

/** A name stands as the host's name and in the place of its address. */
const hostLines = (cluster: string, { endpoint, host }: Shown): string => {
  const { address, port, weight, region, zone } = endpoint;
  return [
    `rq_active::${host?.active ?? 0}`,
    `hostname::${isIP(address) === 0 ? address : ''}`,
    `health_flags::${health(endpoint, host)}`,
    `weight::${weight}`,
    `region::${region}`,
    `zone::${zone}`,
  ]
    .map((line) => `${cluster}::${address}:${port}::${line}\n`)
    .join('');
};

const health = ({ healthy }: EndpointConfig, host: Host | null): string =>
  `${host?.failedCheck ? '/failed_active_hc' : ''}${host?.outlier?.ejected ? '/failed_outlier_check' : ''}${healthy ? '' : '/failed_eds_health'}` ||
  'healthy';

const asJson = (config: RuntimeConfig, live: Pick<LiveClusters, 'hostsOf'>): object => ({
  cluster_statuses: [...config.clusters.values()].map((cluster) => ({
    name: cluster.name,
    added_via_api: true,
    host_statuses: shownHosts(cluster, live.hostsOf(cluster.name)).map(({ endpoint, host }) => ({
      address: { socket_address: { address: endpoint.address, port_value: endpoint.port } },
      ...(isIP(endpoint.address) === 0 && { hostname: endpoint.address }),
      health_status: { eds_health_status: endpoint.healthy ? 'HEALTHY' : 'UNHEALTHY', ...flags(host) },
      weight: endpoint.weight,
      locality: { region: endpoint.region, zone: endpoint.zone },
    })),
  })),
});

const flags = (host: Host | null): object => ({
  ...(host?.failedCheck && { failed_active_health_check: true }),
  ...(host?.outlier?.ejected && { failed_outlier_check: true }),
});
