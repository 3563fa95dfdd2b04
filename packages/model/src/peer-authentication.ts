import type { MtlsMode, PeerAuthentication } from './kinds/peer-authentication.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { type Labels, labelsMatch } from './selector.ts';

/**
 * The mutual TLS mode of a workload's port (its own, not the service's): port, then workload, namespace and mesh; UNSET
 * inherits, nothing said at all is PERMISSIVE. Of several policies at one level the oldest applies.
 * https://istio.io/latest/docs/reference/config/security/peer_authentication/
 */
export const mtlsModeFor = (mesh: Mesh, namespace: string, labels: Labels, port?: number): MtlsMode => {
  let ofMesh: PeerAuthentication | undefined;
  let ofNamespace: PeerAuthentication | undefined;
  let ofWorkload: PeerAuthentication | undefined;
  for (const policy of mesh.peerAuthentications) {
    const selector = policy.spec.selector?.matchLabels ?? {};
    if (Object.keys(selector).length > 0) {
      if (appliesToWorkload(policy, mesh, namespace) && labelsMatch(selector, labels)) ofWorkload ??= policy.spec;
    } else if (policy.namespace === mesh.rootNamespace) ofMesh ??= policy.spec;
    else if (policy.namespace === namespace) ofNamespace ??= policy.spec;
  }
  const ofPort = port === undefined ? undefined : ofWorkload?.portLevelMtls?.[String(port)]?.mode;
  return (
    said(ofPort) ??
    said(ofWorkload?.mtls?.mode) ??
    said(ofNamespace?.mtls?.mode) ??
    said(ofMesh?.mtls?.mode) ??
    'PERMISSIVE'
  );
};

/** A policy with a selector counts in its own namespace only, and in the root namespace not at all, as in Istio. */
const appliesToWorkload = (policy: MeshObject<PeerAuthentication>, mesh: Mesh, namespace: string): boolean =>
  policy.namespace === namespace && policy.namespace !== mesh.rootNamespace;

const said = (mode: MtlsMode | 'UNSET' | undefined): MtlsMode | undefined => (mode === 'UNSET' ? undefined : mode);
