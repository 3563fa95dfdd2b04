import type { AuthorizationPolicy } from '@weft/model/kinds/authorization-policy';
import type { DeniedSelection, Mesh, MeshObject, Pod } from '@weft/model/mesh';
import { labelsMatch } from '@weft/model/selector';

export type Policy = MeshObject<AuthorizationPolicy>;

/** Everything that decides who may call a pod. */
export interface SelectedPolicies {
  readonly allow: readonly Policy[];
  readonly deny: readonly Policy[];
  /** Where what is not understood denies: unreadable objects, and policies that weft cannot enforce. */
  readonly denied: readonly (DeniedSelection | Policy)[];
}

/**
 * Policies of the pod's namespace and of the root namespace, whose selectors (labels; none selects all) have the pod.
 * AUDIT and dry-run policies decide nothing.
 */
export const policiesOf = (mesh: Mesh, pod: Pod): SelectedPolicies => {
  const applying = mesh.authorizationPolicies.filter(
    (policy) =>
      reaches(mesh, policy.namespace, pod) &&
      labelsMatch(policy.spec.selector?.matchLabels ?? {}, pod.labels) &&
      policy.annotations['istio.io/dry-run'] !== 'true',
  );
  const actionOf = ({ spec }: Policy): string => (isEnforceable(spec) ? (spec.action ?? 'ALLOW') : 'unenforceable');
  const withAction = (action: string): Policy[] => applying.filter((policy) => actionOf(policy) === action);
  return {
    allow: withAction('ALLOW'),
    deny: withAction('DENY'),
    denied: [
      ...mesh.denied.filter(
        ({ namespace, selector }) => reaches(mesh, namespace, pod) && labelsMatch(selector ?? {}, pod.labels),
      ),
      ...withAction('unenforceable'),
    ],
  };
};

const reaches = (mesh: Mesh, namespace: string, pod: Pod): boolean =>
  namespace === pod.namespace || namespace === mesh.rootNamespace;

/** An external authorizer is not asked yet and gateways have no sidecar: the model refuses both; if not, they deny. */
const isEnforceable = (spec: AuthorizationPolicy): boolean =>
  spec.action !== 'CUSTOM' && !spec.targetRef && !spec.targetRefs?.length;
