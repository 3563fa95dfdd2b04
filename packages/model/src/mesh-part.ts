import type { Issue } from './issue.ts';
import type { AuthorizationPolicy } from './kinds/authorization-policy.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { MeshConfigSpec } from './kinds/mesh-config.ts';
import type { PeerAuthentication } from './kinds/peer-authentication.ts';
import type { Sidecar } from './kinds/sidecar.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { MeshObject, Namespace, Pod, Service, Workload } from './mesh.ts';

/** What one object brings into the mesh. A Pod can be a workload, a running instance, or both. */
export interface MeshPart {
  readonly namespace?: Namespace;
  readonly service?: Service;
  readonly workload?: Workload;
  readonly pod?: Pod;
  readonly virtualService?: MeshObject<VirtualService>;
  readonly destinationRule?: MeshObject<DestinationRule>;
  readonly sidecar?: MeshObject<Sidecar>;
  readonly peerAuthentication?: MeshObject<PeerAuthentication>;
  readonly authorizationPolicy?: MeshObject<AuthorizationPolicy>;
  readonly meshConfig?: MeshConfigSpec;
}

/** An object, read: without a part it is invalid and its last good version stays. */
export interface Reading {
  readonly part: MeshPart | undefined;
  readonly issues: readonly Issue[];
}

export const invalid = (issues: readonly Issue[]): Reading => ({ part: undefined, issues });
