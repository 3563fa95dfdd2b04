import type { Mesh } from '@weft/model/mesh';
import { proxyPorts } from '@weft/model/proxy-ports';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { inboundClusterOf, tunnelCluster } from './cluster/inbound.ts';
import { outboundClusterOf, outboundTargets } from './cluster/outbound.ts';
import { endpointsOf } from './endpoint/endpoints.ts';
import { translateGrpc } from './grpc/translate-grpc.ts';
import { inboundListener, inboundPorts } from './listener/inbound.ts';
import { httpProxyListener, tcpListeners, tcpTunnels } from './listener/outbound.ts';
import { oncePerMesh, remember } from './memo.ts';
import { HTTP_PROXY_ROUTES } from './names.ts';
import { outsideClusters } from './outside.ts';
import type { ProxyNode } from './proxy-node.ts';
import { byVirtualHost, httpProxyRoutes, viewKey } from './route/route-configuration.ts';
import { noResources, type ResourceSet, type TranslatedProxy, type VirtualHostResource } from './resource-set.ts';
import { collectorClusters } from './tracing/collector.ts';
import { CERTIFICATE_SECRET, ROOT_SECRET } from './tls.ts';

export type { ProxyNode } from './proxy-node.ts';

export type { ResourceSet, TranslatedProxy, VirtualHostResource } from './resource-set.ts';

/**
 * What a proxy needs of a mesh, as docs/xds-contract.md says. Pure: the same mesh and node give the same resources, and
 * never fail; what the model could not read is not in the mesh, or denies.
 *
 * Resources that say the same are the same JavaScript objects: for all proxies that share them, and from one mesh to the
 * next while the objects that they are made of (by identity) stay. They are immutable.
 */
export const translateParts = (mesh: Mesh, node: ProxyNode): TranslatedProxy =>
  node.dataPlane === 'grpc'
    ? { shared: translateGrpc(sharedResources(mesh, { ...node, vhds: false })), own: noResources }
    : { shared: sharedResources(mesh, node), own: ownResources(mesh, node) };

/** Both parts as one, for those who want to look at all of it. */
export const translateProxy = (mesh: Mesh, node: ProxyNode): ResourceSet => {
  const { shared, own } = translateParts(mesh, node);
  return {
    listeners: [...own.listeners, ...shared.listeners],
    routes: [...shared.routes, ...own.routes],
    virtualHosts: [...shared.virtualHosts, ...own.virtualHosts],
    clusters: [...shared.clusters, ...own.clusters],
    endpoints: [...shared.endpoints, ...own.endpoints],
  };
};

const ownResources = (mesh: Mesh, node: ProxyNode): ResourceSet => {
  const { pod } = node;
  const ports = [...inboundPorts(mesh, pod)].filter(([port]) => !PROXY_PORTS.has(port));
  const taken = new Set(ports.map(([port]) => port));
  return {
    ...noResources,
    listeners: sameList(pod, `listeners ${node.bindAddress} ${node.dataPlane}`, [
      httpProxyListener(mesh, node),
      ...tcpListeners(mesh, node, taken),
      ...ports.map(([port, protocol]) => inboundListener(mesh, node, port, protocol)),
    ]),
    clusters: sameList(pod, `clusters ${node.bindAddress}`, [
      ...ports.map(([port, protocol]) => inboundClusterOf(mesh, pod, port, protocol)),
      tunnelCluster(pod, node.bindAddress),
      ...tcpTunnels(mesh, node, taken),
    ]),
  };
};

/** Secrets that every sidecar refers to. The control plane never has them. */
export const secretNames: readonly string[] = [CERTIFICATE_SECRET, ROOT_SECRET];

const PROXY_PORTS: ReadonlySet<number> = new Set(Object.values(proxyPorts));

/** Of all services that the proxies of a view see: clusters, where they lead, and the routes to them. */
const sharedResources = (mesh: Mesh, { pod, dataPlane, vhds = false }: ProxyNode): ResourceSet =>
  oncePerMesh(mesh, `shared ${viewKey(mesh, pod)} ${vhds} ${dataPlane === 'weft'}`, () => {
    const { clusters, endpoints } = outbound(mesh, pod.namespace, dataPlane === 'weft');
    const table = httpProxyRoutes(mesh, pod);
    return {
      ...noResources,
      clusters,
      endpoints,
      routes: vhds ? [byVirtualHost] : remember(table, 'alone', [], () => [table]),
      virtualHosts: vhds ? remember(table, 'hosts', [], () => (table.virtualHosts ?? []).map(asResource)) : [],
    };
  });

const asResource = (virtualHost: VirtualHost): VirtualHostResource =>
  remember(virtualHost, 'resource', [], () => ({
    name: `${HTTP_PROXY_ROUTES}/${virtualHost.name}`,
    virtualHost,
  }));

const outbound = (
  mesh: Mesh,
  namespace: string,
  own: boolean,
): { readonly clusters: readonly Cluster[]; readonly endpoints: readonly ClusterLoadAssignment[] } =>
  oncePerMesh(mesh, `outbound ${namespace} ${own}`, () => {
    const targets = outboundTargets(mesh, namespace);
    const anchor = mesh.namespaces.get(namespace) ?? mesh;
    return {
      clusters: sameList(anchor, `clusters ${own}`, [
        ...targets.map((target) => outboundClusterOf(mesh, target, own)),
        ...outsideClusters(mesh),
        ...collectorClusters(mesh, namespace),
      ]),
      endpoints: sameList(
        anchor,
        'endpoints',
        targets.map(({ service, port, subset, name }) => endpointsOf(mesh, service, port, name, subset?.labels ?? {})),
      ),
    };
  });

/** The list as it was, if it has the same items. */
const sameList = <T>(anchor: object, key: string, items: readonly T[]): readonly T[] =>
  remember(anchor, `list ${key}`, items, () => items);
