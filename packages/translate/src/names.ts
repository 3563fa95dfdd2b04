import type { Mesh, Pod } from '@weft/model/mesh';

/** Istio's names of clusters, listeners and the like. */

/** `outbound|9080|v1|reviews.default.svc.cluster.local`; an empty subset is the whole service. */
export const outboundCluster = (port: number, subset: string, host: string): string =>
  `outbound|${port}|${subset}|${host}`;

export const inboundCluster = (port: number): string => `inbound|${port}||`;

/** What a sidecar sends as SNI, as Istio's gateways route by: `outbound_.9080_.v1_.reviews.default.svc.cluster.local`. */
export const outboundSni = (port: number, subset: string, host: string): string =>
  `outbound_.${port}_.${subset}_.${host}`;

/** The cluster that leads from a CONNECT request back into the listener it came by. */
export const TUNNEL_CLUSTER = 'http_proxy_tunnel';

/** The cluster that leads from a CONNECT request to the listener of a TCP service whose connections are routed by rules. */
export const tcpTunnelCluster = (port: number, host: string): string => `tcp_tunnel|${port}||${host}`;

/** Hosts outside the mesh. */
export const PASSTHROUGH_CLUSTER = 'PassthroughCluster';

/** The outbound listener's route configuration. */
export const HTTP_PROXY_ROUTES = 'http_proxy';

export const listenerName = (address: string, port: number): string => `${address}_${port}`;

/** `spiffe://cluster.local/ns/default/sa/frontend` */
export const spiffeId = (mesh: Mesh, namespace: string, serviceAccount: string): string =>
  `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/${serviceAccount}`;

/** `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local` */
export const nodeId = (mesh: Mesh, pod: Pod): string =>
  `sidecar~${pod.ip}~${pod.name}.${pod.namespace}~${pod.namespace}.svc.${mesh.domainSuffix}`;

/** What Istio calls a mesh of one cluster; `NodeMetadata.CLUSTER_ID`. */
export const CLUSTER_ID = 'Kubernetes';
