import type { AuthorizationPolicy } from './kinds/authorization-policy.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { PeerAuthentication } from './kinds/peer-authentication.ts';
import type { Sidecar } from './kinds/sidecar.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject, Namespace, Pod, Service, Workload } from './mesh.ts';

/** Undefined before: new; undefined after: gone. */
export interface Change<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

type Changes<T> = readonly Change<T>[];

/** What differs between a mesh and the one before it, by identity. */
export interface MeshChanges {
  readonly namespaces: Changes<Namespace>;
  readonly services: Changes<Service>;
  readonly workloads: Changes<Workload>;
  readonly pods: Changes<Pod>;
  readonly virtualServices: Changes<MeshObject<VirtualService>>;
  readonly destinationRules: Changes<MeshObject<DestinationRule>>;
  readonly sidecars: Changes<MeshObject<Sidecar>>;
  readonly peerAuthentications: Changes<MeshObject<PeerAuthentication>>;
  readonly authorizationPolicies: Changes<MeshObject<AuthorizationPolicy>>;
  readonly denied: boolean;
  readonly meshConfig: boolean;
}

/**
 * A place in a line of meshes. Each knows the next, not the one before: who follows the line holds the place where it is,
 * and what nobody needs any more is collected.
 */
interface Revision {
  readonly line: object;
  next: { readonly changes: MeshChanges; readonly revision: Revision } | undefined;
}

const revisions = new WeakMap<Mesh, Revision>();

const revisionOf = (mesh: Mesh): Revision => {
  let revision = revisions.get(mesh);
  if (!revision) revisions.set(mesh, (revision = { line: {}, next: undefined }));
  return revision;
};

/** Says that `after` is `before` with changes. */
export const continueLine = (before: Mesh, after: Mesh, changes: MeshChanges): void => {
  const from = revisionOf(before);
  const revision: Revision = { line: from.line, next: undefined };
  from.next = { changes, revision };
  revisions.set(after, revision);
};

/** Further behind, making a thing anew is cheaper, and the line need not be kept. */
const MAX_STEPS = 64;

/** The changes that lead from one place to another, oldest first; undefined where none are known. */
const changesBetween = (from: Revision, to: Revision): MeshChanges[] | undefined => {
  const steps: MeshChanges[] = [];
  let at = from;
  while (at !== to) {
    if (!at.next || steps.length === MAX_STEPS) return undefined;
    steps.push(at.next.changes);
    at = at.next.revision;
  }
  return steps;
};

/**
 * Something that is made of a mesh and follows its changes: `build` makes it, `apply` brings it from one mesh to the
 * next, in place. For each line of meshes there is one, at the mesh asked for last, so it must not be held across meshes.
 * What is made for an older mesh, or another line, is made anew.
 */
export const following = <T>(
  build: (mesh: Mesh) => T,
  apply: (thing: T, changes: MeshChanges, mesh: Mesh) => void,
): ((mesh: Mesh) => T) => {
  const things = new WeakMap<object, { at: Revision; thing: T }>();
  return (mesh) => {
    const revision = revisionOf(mesh);
    const known = things.get(revision.line);
    if (known?.at === revision) return known.thing;
    const steps = known && changesBetween(known.at, revision);
    if (known && steps) {
      for (const changes of steps) apply(known.thing, changes, mesh);
      known.at = revision;
      return known.thing;
    }
    const thing = build(mesh);
    things.set(revision.line, { at: revision, thing });
    return thing;
  };
};
