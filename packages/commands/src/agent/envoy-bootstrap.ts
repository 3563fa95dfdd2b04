import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';

/**
 * Envoy's bootstrap in proto3 JSON
 * (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto): ADS and secrets from the
 * agent's socket, the health and metrics listeners, and nothing that the control plane can tell it.
 */
export const envoyBootstrap = (bootstrap: ProxyBootstrap, socketPath: string): object => {
  const { id, cluster, locality, metadata } = bootstrap.node;
  return {
    node: { id, cluster, locality, metadata },
    admin: { address: socketAddress(bootstrap.adminAddress) },
    dynamicResources: {
      // Without limit: an Envoy that gives up waiting goes live with no listeners.
      ldsConfig: { ads: {}, resourceApiVersion: 'V3', initialFetchTimeout: '0s' },
      cdsConfig: { ads: {}, resourceApiVersion: 'V3', initialFetchTimeout: '0s' },
      adsConfig: {
        apiType: 'DELTA_GRPC',
        transportApiVersion: 'V3',
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ envoyGrpc: { clusterName: 'xds-grpc', retryPolicy: RECONNECT } }],
      },
    },
    overloadManager: {
      resourceMonitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typedConfig: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            maxActiveDownstreamConnections: String(MAX_CONNECTIONS),
          },
        },
      ],
    },
    staticResources: {
      clusters: [
        agentCluster('xds-grpc', socketPath),
        agentCluster('sds-grpc', socketPath),
        {
          name: ADMIN_CLUSTER,
          type: 'STATIC',
          connectTimeout: '1s',
          loadAssignment: endpointOf(ADMIN_CLUSTER, socketAddress(bootstrap.adminAddress)),
        },
      ],
      listeners: [
        adminListener('health', bootstrap.healthAddress, '/healthz/ready', '/ready'),
        adminListener('metrics', bootstrap.metricsAddress, '/stats/prometheus', '/stats/prometheus'),
      ],
    },
  };
};

/** Istio leaves Envoy without a limit, and Envoy warns of that; this is more than one workload's descriptors allow. */
const MAX_CONNECTIONS = 50_000;
const ADMIN_CLUSTER = 'agent_admin';
/** Envoy's own default ends at 30 s, which is long for a control plane that restarts beside it. */
const RECONNECT = { retryBackOff: { baseInterval: '0.2s', maxInterval: '3s' } };
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const agentCluster = (name: string, path: string): object => ({
  name,
  type: 'STATIC',
  connectTimeout: '1s',
  typedExtensionProtocolOptions: {
    [HTTP_OPTIONS]: {
      '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
      explicitHttpConfig: { http2ProtocolOptions: {} },
    },
  },
  loadAssignment: endpointOf(name, { pipe: { path } }),
});

const endpointOf = (clusterName: string, address: object): object => ({
  clusterName,
  endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }],
});

/** A listener that lets through one path to the admin interface, which is open to this machine only. */
const adminListener = (name: string, address: string, path: string, adminPath: string): object => ({
  name,
  address: socketAddress(address),
  filterChains: [
    {
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typedConfig: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            statPrefix: name,
            routeConfig: {
              name,
              virtualHosts: [
                {
                  name: 'admin',
                  domains: ['*'],
                  routes: [{ match: { path }, route: { cluster: ADMIN_CLUSTER, prefixRewrite: adminPath } }],
                },
              ],
            },
            httpFilters: [
              {
                name: 'envoy.filters.http.router',
                typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
              },
            ],
          },
        },
      ],
    },
  ],
});

const socketAddress = (hostPort: string): object => {
  const colon = hostPort.lastIndexOf(':');
  return { socketAddress: { address: hostPort.slice(0, colon), portValue: Number(hostPort.slice(colon + 1)) } };
};
