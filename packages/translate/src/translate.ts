import type { Mesh } from '@weft/model/mesh';
import { proxyPorts } from '@weft/model/proxy-ports';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { RouteConfiguration } from '@weft/xds-api/gen/envoy/config/route/v3';
import { inboundClusterOf, tunnelCluster } from './cluster/inbound.ts';
import { outboundClusterOf, outboundTargets } from './cluster/outbound.ts';
import { endpointsOf } from './endpoint/endpoints.ts';
import { inboundListener, inboundPorts } from './listener/inbound.ts';
import { httpProxyListener, tcpListeners } from './listener/outbound.ts';
import { oncePerMesh } from './memo.ts';
import { outsideClusters } from './outside.ts';
import type { ProxyNode } from './proxy-node.ts';
import { httpProxyRoutes } from './route/route-configuration.ts';
import { collectorClusters } from './tracing/collector.ts';
import { CERTIFICATE_SECRET, ROOT_SECRET } from './tls.ts';

export type { ProxyNode } from './proxy-node.ts';

/** All that one proxy is told, in proto3 JSON form. Names are unique in each list. */
export interface ResourceSet {
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
  readonly clusters: readonly Cluster[];
  readonly endpoints: readonly ClusterLoadAssignment[];
}

/**
 * What a proxy needs of a mesh, as docs/xds-contract.md says. Pure: the same mesh and node give the same resources, and
 * never fail; what the model could not read is not in the mesh, or denies.
 *
 * Resources that say the same are the same JavaScript objects: for all proxies that share them, and from one mesh to the
 * next while the objects that they are made of (by identity) stay. They are immutable.
 */
export const translateProxy = (mesh: Mesh, node: ProxyNode): ResourceSet => {
  const { pod } = node;
  const shared = outbound(mesh, pod.namespace);
  const ports = [...inboundPorts(mesh, pod)].filter(([port]) => !PROXY_PORTS.has(port));
  const taken = new Set(ports.map(([port]) => port));
  return {
    listeners: [
      httpProxyListener(mesh, node),
      ...tcpListeners(mesh, node, taken),
      ...ports.map(([port, protocol]) => inboundListener(mesh, node, port, protocol)),
    ],
    routes: [httpProxyRoutes(mesh, pod)],
    clusters: [
      ...shared.clusters,
      ...ports.map(([port]) => inboundClusterOf(mesh, pod, port)),
      tunnelCluster(pod, node.bindAddress),
      ...outsideClusters(mesh),
      ...collectorClusters(mesh, pod.namespace),
    ],
    endpoints: shared.endpoints,
  };
};

/** Secrets that every sidecar refers to. The control plane never has them. */
export const secretNames: readonly string[] = [CERTIFICATE_SECRET, ROOT_SECRET];

const PROXY_PORTS: ReadonlySet<number> = new Set(Object.values(proxyPorts));

/** The clusters of all services that a namespace sees, and where they lead. */
const outbound = (
  mesh: Mesh,
  namespace: string,
): { readonly clusters: readonly Cluster[]; readonly endpoints: readonly ClusterLoadAssignment[] } =>
  oncePerMesh(mesh, `outbound ${namespace}`, () => {
    const targets = outboundTargets(mesh, namespace);
    return {
      clusters: targets.map((target) => outboundClusterOf(mesh, target)),
      endpoints: targets.map(({ service, port, subset, name }) =>
        endpointsOf(mesh, service, port, name, subset?.labels ?? {}),
      ),
    };
  });
