import type { ClusterConfig, EndpointConfig, RuntimeConfig } from '@weft/traffic/runtime-config';
import type { Cluster, Host } from '../context.ts';
import { type Answer, json, text } from './admin-server.ts';

/** Envoy's `/clusters`: settings, then hosts with their counters; https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--clusters */
export const clustersPage = (
  config: RuntimeConfig,
  live: ReadonlyMap<string, Cluster>,
  query: URLSearchParams,
): Answer => (query.get('format') === 'json' ? json(asJson(config, live)) : text(asText(config, live)));

const asText = (config: RuntimeConfig, live: ReadonlyMap<string, Cluster>): string => {
  let lines = '';
  for (const cluster of config.clusters.values()) lines += settings(cluster) + hosts(cluster, live.get(cluster.name));
  return lines;
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

const hosts = ({ name, endpoints }: ClusterConfig, live: Cluster | undefined): string => {
  const byAddress = hostsByAddress(live);
  let lines = '';
  for (const endpoint of endpoints) {
    const at = `${endpoint.address}:${endpoint.port}`;
    const of = `${name}::${at}::`;
    const host = byAddress.get(at);
    lines +=
      `${of}rq_active::${host?.active ?? 0}\n${of}health_flags::${health(endpoint, host)}\n` +
      `${of}weight::${endpoint.weight}\n${of}region::${endpoint.region}\n${of}zone::${endpoint.zone}\n`;
  }
  return lines;
};

const hostsByAddress = (live: Cluster | undefined): ReadonlyMap<string, Host> =>
  new Map(live?.hosts.map((host) => [`${host.address}:${host.port}`, host]));

const health = ({ healthy }: EndpointConfig, host: Host | undefined): string =>
  `${host?.failedCheck ? '/failed_active_hc' : ''}${host?.outlier?.ejected ? '/failed_outlier_check' : ''}${healthy ? '' : '/failed_eds_health'}` ||
  'healthy';

const asJson = (config: RuntimeConfig, live: ReadonlyMap<string, Cluster>): object => ({
  cluster_statuses: [...config.clusters.values()].map((cluster) => ({
    name: cluster.name,
    added_via_api: true,
    host_statuses: cluster.endpoints.map(({ address, port, healthy, weight, region, zone }) => ({
      address: { socket_address: { address, port_value: port } },
      health_status: {
        eds_health_status: healthy ? 'HEALTHY' : 'UNHEALTHY',
        ...flags(hostsByAddress(live.get(cluster.name)).get(`${address}:${port}`)),
      },
      weight,
      locality: { region, zone },
    })),
  })),
});

const flags = (host: Host | undefined): object => ({
  ...(host?.failedCheck && { failed_active_health_check: true }),
  ...(host?.outlier?.ejected && { failed_outlier_check: true }),
});
