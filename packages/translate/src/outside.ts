import type { MeshConfig } from '@weft/model/mesh-config';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { ClusterConfig } from '@weft/xds-api/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3';
import type { DnsCacheConfig } from '@weft/xds-api/gen/envoy/extensions/common/dynamic_forward_proxy/v3';
import type { FilterConfig } from '@weft/xds-api/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3';
import type { HttpFilter } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import { PASSTHROUGH_CLUSTER } from './names.ts';
import { any, extension } from './typed.ts';

/**
 * Hosts outside the mesh, by the outboundTrafficPolicy of the mesh, or of the proxy's Sidecar. Istio's names, but where its PassthroughCluster goes to the
 * address that the caller dialled, ours goes to the name it asked the HTTP proxy for: Envoy's dynamic forward proxy.
 */

/** One cache for all: Envoy wants the same settings wherever one of its name is used. */
const dnsCacheConfig: DnsCacheConfig = { name: 'outside', dnsLookupFamily: 'V4_PREFERRED' };

const passthroughCluster: Cluster = {
  name: PASSTHROUGH_CLUSTER,
  connectTimeout: '10s',
  lbPolicy: 'CLUSTER_PROVIDED',
  clusterType: {
    name: 'envoy.clusters.dynamic_forward_proxy',
    typedConfig: any('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
      dnsCacheConfig,
    } satisfies ClusterConfig),
  },
  circuitBreakers: {
    thresholds: [
      {
        maxConnections: 0xffffffff,
        maxPendingRequests: 0xffffffff,
        maxRequests: 0xffffffff,
        maxRetries: 0xffffffff,
        trackRemaining: true,
      },
    ],
  },
};

type Policy = MeshConfig['outboundTrafficPolicy'];

export const outsideClusters = (policy: Policy): readonly Cluster[] =>
  policy === 'ALLOW_ANY' ? [passthroughCluster] : NONE;

/** Resolves names for requests to that cluster, and leaves all others alone; before the router. */
export const outsideFilters = (policy: Policy): readonly HttpFilter[] => (policy === 'ALLOW_ANY' ? [resolve] : NONE);

/** The virtual host of whatever no other has. */
export const outsideVirtualHost = (policy: Policy): VirtualHost => (policy === 'ALLOW_ANY' ? allowAny : blockAll);

const NONE: readonly never[] = [];

const resolve: HttpFilter = extension(
  'envoy.filters.http.dynamic_forward_proxy',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig',
  { dnsCacheConfig } satisfies FilterConfig,
);

const allowAny: VirtualHost = {
  name: 'allow_any',
  domains: ['*'],
  routes: [
    {
      name: 'allow_any',
      match: { connectMatcher: {} },
      route: {
        cluster: PASSTHROUGH_CLUSTER,
        timeout: '0s',
        upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
      },
    },
    { name: 'allow_any', match: { prefix: '/' }, route: { cluster: PASSTHROUGH_CLUSTER, timeout: '0s' } },
  ],
};

const blockAll: VirtualHost = {
  name: 'block_all',
  domains: ['*'],
  routes: [{ name: 'block_all', match: { prefix: '/' }, directResponse: { status: 502 } }],
};
