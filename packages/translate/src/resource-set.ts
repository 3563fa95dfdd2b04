import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';

/**
 * Resources in proto3 JSON form. Lists and items are immutable and keep their identity (`===`) while what they say stays:
 * a list whose identity is known need not be looked at again.
 */
export interface ResourceSet {
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
  /** For proxies that take virtual hosts as resources (VHDS); empty for others, whose `routes` hold them. */
  readonly virtualHosts: readonly VirtualHostResource[];
  readonly clusters: readonly Cluster[];
  readonly endpoints: readonly ClusterLoadAssignment[];
}

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds */
export interface VirtualHostResource {
  /** `ROUTE_CONFIGURATION/VIRTUAL_HOST`; the message itself has the name of the virtual host alone. */
  readonly name: string;
  readonly virtualHost: VirtualHost;
}

/** What one proxy is told. Names in the two parts never collide. */
export interface TranslatedProxy {
  /** The same object for all proxies that see the same. */
  readonly shared: ResourceSet;
  /** Of this proxy alone: what carries its address, or leads to its application. */
  readonly own: ResourceSet;
}

export const noResources: ResourceSet = { listeners: [], routes: [], virtualHosts: [], clusters: [], endpoints: [] };
