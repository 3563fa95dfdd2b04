import type { Mesh } from '@weft/model/mesh';
import { translateGrpc } from './grpc/translate-grpc.ts';
import { ownResources } from './own-resources.ts';
import type { ProxyNode } from './proxy-node.ts';
import { noResources, type ResourceSet, type TranslatedProxy } from './resource-set.ts';
import { CERTIFICATE_SECRET, ROOT_SECRET } from './tls.ts';
import { sharedResources } from './view/shared-resources.ts';

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

/** Secrets that every sidecar refers to. The control plane never has them. */
export const secretNames: readonly string[] = [CERTIFICATE_SECRET, ROOT_SECRET];
