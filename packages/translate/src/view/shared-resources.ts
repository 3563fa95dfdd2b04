import type { Mesh, Pod } from '@weft/model/mesh';
import { following } from '@weft/model/revision';
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
import { type HostSlice, sliceOf } from './host-slices.ts';
import { SharedLists } from './shared-lists.ts';
import { SlicedList } from './sliced-list.ts';
import { viewKey } from './view-key.ts';

/** What the proxies that see the same are told alike: the clusters of all services, where they lead, the routes to them. */
export const sharedResources = (mesh: Mesh, { pod, dataPlane, vhds = false }: ProxyNode): ResourceSet => {
  const views = viewsIn(mesh);
  const own = dataPlane === 'weft';
  const key = `${own ? 'own' : 'others'} ${viewKey(mesh, pod)}`;
  let view = views.byKey.get(key);
  if (!view) views.byKey.set(key, (view = new View(views.lists, own)));
  return view.resources(mesh, pod, vhds);
};

interface Views {
  readonly byKey: Map<string, View>;
  readonly lists: SharedLists;
}

const viewsIn = following<Views>(
  () => ({ byKey: new Map(), lists: new SharedLists() }),
  ({ byKey }, changes, mesh) => {
    const dirty = dirtyHosts(changes, mesh);
    for (const [key, view] of byKey) if (!view.invalidate(dirty)) byKey.delete(key);
  },
);

/** A view that nobody asked for through this many changes is forgotten. */
const MAX_IDLE = 32;

/** Owners that come after all hosts. */
const OUTSIDE = '~outside';
const COLLECTOR = '~collector';

/** The resources of one view, kept up to date host by host. */
class View {
  readonly #clusters = new SlicedList<Cluster>();
  readonly #endpoints = new SlicedList<ClusterLoadAssignment>();
  readonly #virtualHosts = new SlicedList<VirtualHost>();
  readonly #virtualHostResources = new SlicedList<VirtualHostResource>();
  readonly #lists: SharedLists;
  readonly #own: boolean;
  /** What has to be looked at before the next answer. */
  #dirty: Set<string> | 'all' = 'all';
  #idle = 0;
  #byTable: ResourceSet | undefined;
  #byVirtualHost: ResourceSet | undefined;

  constructor(lists: SharedLists, own: boolean) {
    this.#lists = lists;
    this.#own = own;
  }

  /** False: the view is of no more use. */
  invalidate(dirty: ReadonlySet<string> | 'all'): boolean {
    if (dirty === 'all' || this.#dirty === 'all') this.#dirty = 'all';
    else for (const host of dirty) this.#dirty.add(host);
    return ++this.#idle < MAX_IDLE;
  }

  resources(mesh: Mesh, caller: Pod, vhds: boolean): ResourceSet {
    this.#idle = 0;
    if (this.#dirty === 'all' || this.#dirty.size > 0) this.#update(mesh, caller);
    const known = vhds ? this.#byVirtualHost : this.#byTable;
    if (known) return known;
    const common = { ...noResources, clusters: this.#clusters.items, endpoints: this.#endpoints.items };
    return vhds
      ? (this.#byVirtualHost = {
          ...common,
          routes: BY_VIRTUAL_HOST,
          virtualHosts: this.#virtualHostResources.items,
        })
      : (this.#byTable = { ...common, routes: tableOf(this.#virtualHosts.items) });
  }

  #update(mesh: Mesh, caller: Pod): void {
    const hosts = this.#dirty === 'all' ? allHosts(mesh) : this.#dirty;
    const all = this.#dirty === 'all';
    const slices = new Map<string, HostSlice>();
    for (const host of hosts) slices.set(host, sliceOf(mesh, host, caller, this.#own));
    const clusters = new Map([...slices].map(([host, slice]) => [host, slice.clusters]));
    clusters.set(OUTSIDE, outsideClusters(mesh)).set(COLLECTOR, collectorClusters(mesh, caller.namespace));
    const virtualHosts = new Map([...slices].map(([host, slice]) => [host, slice.virtualHosts]));
    virtualHosts.set(OUTSIDE, [outsideVirtualHost(mesh)]);
    const resources = new Map([...virtualHosts].map(([host, list]) => [host, list.map(asResource)]));
    const endpoints = new Map([...slices].map(([host, slice]) => [host, slice.endpoints]));
    let changed = this.#replace(this.#clusters, clusters, all);
    changed = this.#replace(this.#endpoints, endpoints, all) || changed;
    changed = this.#replace(this.#virtualHosts, virtualHosts, all) || changed;
    changed = this.#replace(this.#virtualHostResources, resources, all) || changed;
    if (changed) this.#byTable = this.#byVirtualHost = undefined;
    this.#dirty = new Set();
  }

  #replace<T extends object>(list: SlicedList<T>, slices: ReadonlyMap<string, readonly T[]>, all: boolean): boolean {
    const changed = all ? list.fill(slices) : list.replace(slices);
    if (changed) this.#lists.share(list);
    return changed;
  }
}

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
