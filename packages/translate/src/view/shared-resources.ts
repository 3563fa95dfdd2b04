import type { Mesh, Pod } from '@weft/model/mesh';
import { following } from '@weft/model/revision';
import { outboundTrafficPolicyFor } from '@weft/model/sidecar-scope';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { remember } from '../memo.ts';
import { HTTP_PROXY_ROUTES } from '../names.ts';
import { outsideClusters, outsideVirtualHost } from '../outside.ts';
import type { ProxyNode } from '../proxy-node.ts';
import { noResources, type ResourceSet, type VirtualHostResource } from '../resource-set.ts';
import { collectorClusters } from '../tracing/collector.ts';
import { dirtyHosts } from './dirty-hosts.ts';
import { hostsOf } from '@weft/model/dependents';
import { sliceOf } from './host-slices.ts';
import { SlicedList } from './sliced-list.ts';
import { viewKey } from './view-key.ts';

/** What the proxies that see the same are told alike: the clusters of all services, where they lead, the routes to them. */
export const sharedResources = (mesh: Mesh, { pod, dataPlane, vhds = false }: ProxyNode): ResourceSet => {
  const views = viewsIn(mesh);
  const own = dataPlane === 'weft';
  const key = `${own ? 'own' : 'others'} ${vhds} ${viewKey(mesh, pod)}`;
  let view = views.get(key);
  if (!view) views.set(key, (view = new View(own, vhds)));
  return view.resources(mesh, pod, views.values());
};

const viewsIn = following<Map<string, View>>(
  () => new Map(),
  (views, changes, mesh) => {
    const dirty = dirtyHosts(changes, mesh);
    for (const [key, view] of views) if (!view.invalidate(dirty)) views.delete(key);
  },
);

/** A view that nobody asked for through this many changes is forgotten. */
const MAX_IDLE = 32;

/** Owners that come after all hosts. */
const OUTSIDE = '~outside';
const COLLECTOR = '~collector';

/** The resources of one view, kept up to date host by host. */
class View {
  readonly #own: boolean;
  readonly #vhds: boolean;
  #clusters: SlicedList<Cluster> | undefined;
  #endpoints: SlicedList<ClusterLoadAssignment> | undefined;
  /** Of these two a view has the one that its proxies take. */
  #virtualHosts: SlicedList<VirtualHost> | undefined;
  #virtualHostResources: SlicedList<VirtualHostResource> | undefined;
  /** What has to be looked at before the next answer. */
  #dirty: Set<string> | 'all' = 'all';
  #idle = 0;
  #resources: ResourceSet = noResources;

  constructor(own: boolean, vhds: boolean) {
    this.#own = own;
    this.#vhds = vhds;
  }

  /** False: the view is of no more use. */
  invalidate(dirty: ReadonlySet<string> | 'all'): boolean {
    if (dirty === 'all' || this.#dirty === 'all') this.#dirty = 'all';
    else for (const host of dirty) this.#dirty.add(host);
    return ++this.#idle < MAX_IDLE;
  }

  /** `views`: all there are, to share what is equal. */
  resources(mesh: Mesh, caller: Pod, views: Iterable<View>): ResourceSet {
    this.#idle = 0;
    if (this.#dirty !== 'all' && this.#dirty.size === 0) return this.#resources;
    this.#update(mesh, caller, this.#dirty === 'all' ? [...views] : undefined);
    this.#dirty = new Set();
    const next = {
      listeners: noResources.listeners,
      clusters: this.#clusters?.items ?? [],
      endpoints: this.#endpoints?.items ?? [],
      routes: this.#virtualHosts ? tableOf(this.#virtualHosts.items) : BY_VIRTUAL_HOST,
      virtualHosts: this.#virtualHostResources?.items ?? noResources.virtualHosts,
    };
    if (!sameLists(this.#resources, next)) this.#resources = next;
    return this.#resources;
  }

  /** Of all hosts where `others` are given, else of those that are dirty. */
  #update(mesh: Mesh, caller: Pod, others: readonly View[] | undefined): void {
    const hosts = this.#dirty === 'all' ? allHosts(mesh) : this.#dirty;
    const clusters = new Map<string, readonly Cluster[]>();
    const endpoints = new Map<string, readonly ClusterLoadAssignment[]>();
    const virtualHosts = new Map<string, readonly VirtualHost[]>();
    for (const host of hosts) {
      const slice = sliceOf(mesh, host, caller, this.#own);
      clusters.set(host, slice.clusters);
      endpoints.set(host, slice.endpoints);
      virtualHosts.set(host, slice.virtualHosts);
    }
    const policy = outboundTrafficPolicyFor(mesh, caller);
    clusters.set(OUTSIDE, outsideClusters(policy)).set(COLLECTOR, collectorClusters(mesh, caller));
    virtualHosts.set(OUTSIDE, [outsideVirtualHost(policy)]);
    this.#clusters = next(
      this.#clusters,
      clusters,
      others?.map((view) => view.#clusters),
    );
    this.#endpoints = next(
      this.#endpoints,
      endpoints,
      others?.map((view) => view.#endpoints),
    );
    if (this.#vhds) {
      const resources = new Map([...virtualHosts].map(([host, list]) => [host, list.map(asResource)]));
      const known = others?.map((view) => view.#virtualHostResources);
      this.#virtualHostResources = next(this.#virtualHostResources, resources, known);
    } else
      this.#virtualHosts = next(
        this.#virtualHosts,
        virtualHosts,
        others?.map((view) => view.#virtualHosts),
      );
  }
}

/** `slices`: all of them where others are given, which then may be equal. */
const next = <T extends object>(
  list: SlicedList<T> | undefined,
  slices: ReadonlyMap<string, readonly T[]>,
  others: readonly (SlicedList<T> | undefined)[] | undefined,
): SlicedList<T> => (list && !others ? list.with(slices) : SlicedList.of(slices, [list, ...(others ?? [])]));

const sameLists = (a: ResourceSet, b: ResourceSet): boolean =>
  a.clusters === b.clusters &&
  a.endpoints === b.endpoints &&
  a.routes === b.routes &&
  a.virtualHosts === b.virtualHosts;

const allHosts = (mesh: Mesh): Set<string> =>
  new Set([...mesh.services.keys(), ...mesh.virtualServices.flatMap((rule) => hostsOf(rule, mesh))]);

/** Of proxies that take virtual hosts one by one. */
const BY_VIRTUAL_HOST: readonly RouteConfiguration[] = [
  {
    name: HTTP_PROXY_ROUTES,
    vhds: { configSource: { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' } },
    validateClusters: false,
  },
];

/** The table of the outbound HTTP proxy. */
const tableOf = (virtualHosts: readonly VirtualHost[]): readonly RouteConfiguration[] =>
  remember(virtualHosts, 'table', [], () => [
    { name: HTTP_PROXY_ROUTES, virtualHosts: virtualHosts as VirtualHost[], validateClusters: false },
  ]);

const asResource = (virtualHost: VirtualHost): VirtualHostResource =>
  remember(virtualHost, 'resource', [], () => ({
    name: `${HTTP_PROXY_ROUTES}/${virtualHost.name}`,
    virtualHost,
  }));
