import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { remember } from '../memo.ts';
import { outboundCluster } from '../names.ts';
import { noResources, type ResourceSet } from '../resource-set.ts';
import { grpcCluster } from './cluster.ts';
import { apiListener } from './listener.ts';
import { grpcRoutes } from './route.ts';

/**
 * What a proxyless gRPC client is told: of each host a listener for each name under which it may be the target
 * (`xds:///reviews:9080`, `xds:///reviews.default.svc.cluster.local:9080`), its routes, and clusters in the form that
 * gRPC knows. `envoy` is what an Envoy of the same view is told; what does not change there stays the same here.
 */
export const translateGrpc = (envoy: ResourceSet): ResourceSet =>
  remember(envoy, 'grpc', [], () => {
    const hosts = envoy.routes.flatMap((table) => table.virtualHosts ?? []).map(targetsOf);
    const clusters = envoy.clusters.filter((cluster) => cluster.type === 'EDS');
    return {
      ...noResources,
      listeners: hosts.flatMap(({ listeners }) => listeners),
      routes: hosts.flatMap(({ routes }) => routes),
      clusters: clusters.map((cluster) => remember(cluster, 'grpc', [], () => grpcCluster(cluster))),
      endpoints: envoy.endpoints,
    };
  });

interface Targets {
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
}

const targetsOf = (host: VirtualHost): Targets =>
  remember(host, 'grpc', [], () => {
    const targets = (host.domains ?? []).filter((domain) => !domain.includes('*'));
    const [, name, port] = /^(.+):(\d+)$/.exec(host.name ?? '') ?? [];
    if (targets.length === 0 || name === undefined) return NOTHING;
    const table = outboundCluster(Number(port), '', name);
    return { listeners: targets.map((target) => apiListener(target, table)), routes: [grpcRoutes(table, host)] };
  });

const NOTHING: Targets = { listeners: [], routes: [] };
