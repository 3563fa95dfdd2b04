import { type Condition, FALSE, TRUE, type Truth, UNKNOWN } from './condition.ts';
import type { ExplainStep } from './explain.ts';
import type { ConnectionView, RequestView } from './request.ts';

/** A compiled RBAC filter. Where several stand in a chain, each must allow. */
export interface Authorizer {
  /** Allocates nothing for an allowed request. A missing request (TCP) never matches an HTTP condition as ALLOW. */
  check(connection: ConnectionView, request: RequestView | null): Verdict;
}

export interface Verdict {
  readonly allowed: boolean;
  /** `ns[default]-policy[name]-rule[0]` as in Istio; empty if no policy matched. */
  readonly policy: string;
}

export interface RbacPolicy {
  readonly name: string;
  readonly permissions: Condition;
  readonly principals: Condition;
}

export type RbacAction = 'allow' | 'deny' | 'log';

const allowedByNone: Verdict = { allowed: true, policy: '' };
const deniedByNone: Verdict = { allowed: false, policy: '' };

/**
 * Envoy's RBAC engine. ALLOW: some policy must match. DENY: none may. LOG: never refuses. A policy matches if one of
 * its permissions and one of its principals do.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto
 */
export class RbacAuthorizer implements Authorizer {
  readonly action: RbacAction;
  readonly policies: readonly RbacPolicy[];
  readonly #verdicts: readonly Verdict[];

  /** Policies are tried by the order of their names, as in Envoy. */
  constructor(action: RbacAction, policies: readonly RbacPolicy[]) {
    this.action = action;
    this.policies = [...policies].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    this.#verdicts = this.policies.map((policy) => ({ allowed: action === 'allow', policy: policy.name }));
  }

  check(connection: ConnectionView, request: RequestView | null): Verdict {
    if (this.action === 'log') return allowedByNone;
    const deny = this.action === 'deny';
    for (let i = 0; i < this.policies.length; i++) {
      const truth = evaluatePolicy(this.policies[i] as RbacPolicy, connection, request);
      if (truth === TRUE || (deny && truth === UNKNOWN)) return this.#verdicts[i] as Verdict;
    }
    return deny ? allowedByNone : deniedByNone;
  }
}

/** The first verdict that refuses, or the last that allows; a chain without authorizers allows. */
export const checkAll = (
  authorizers: readonly Authorizer[],
  connection: ConnectionView,
  request: RequestView | null,
): Verdict => {
  let verdict = allowedByNone;
  for (let i = 0; i < authorizers.length; i++) {
    verdict = (authorizers[i] as Authorizer).check(connection, request);
    if (!verdict.allowed) return verdict;
  }
  return verdict;
};

const evaluatePolicy = (policy: RbacPolicy, connection: ConnectionView, request: RequestView | null): Truth => {
  const permission = policy.permissions.evaluate(connection, request);
  if (permission === FALSE) return FALSE;
  const principal = policy.principals.evaluate(connection, request);
  if (principal === FALSE) return FALSE;
  return permission === TRUE && principal === TRUE ? TRUE : UNKNOWN;
};

/** Every policy that `check` looks at, in its order, up to the one that decides. */
export const explainAuthorization = (
  authorizer: Authorizer,
  connection: ConnectionView,
  request: RequestView | null,
): ExplainStep[] => {
  if (!(authorizer instanceof RbacAuthorizer)) return [];
  const steps: ExplainStep[] = [];
  const { action } = authorizer;
  for (const policy of authorizer.policies) {
    const truth = evaluatePolicy(policy, connection, request);
    steps.push({
      stage: 'authorize',
      subject: `${action} ${policy.name}`,
      outcome: truth === TRUE ? 'matched' : truth === FALSE ? 'not-matched' : 'unknown',
      detail: policyDetail(policy, truth, connection, request),
      origin: originOfPolicy(policy.name),
    });
    if (action !== 'log' && (truth === TRUE || (action === 'deny' && truth === UNKNOWN))) break;
  }
  const verdict = authorizer.check(connection, request);
  if (!verdict.allowed && action === 'allow') {
    steps.push({
      stage: 'authorize',
      subject: action,
      outcome: 'failed',
      detail: 'no ALLOW policy matches',
      origin: '',
    });
  }
  return steps;
};

const policyDetail = (
  policy: RbacPolicy,
  truth: Truth,
  connection: ConnectionView,
  request: RequestView | null,
): string => {
  const permission = policy.permissions.evaluate(connection, request);
  if (truth === FALSE) return String(permission === FALSE ? policy.permissions : policy.principals);
  if (truth === UNKNOWN)
    return `cannot be known here: ${String(permission === UNKNOWN ? policy.permissions : policy.principals)}`;
  return `${String(policy.permissions)}, from ${String(policy.principals)}`;
};

/** `ns[default]-policy[name]-rule[0]` → `AuthorizationPolicy/default/name/0`. */
const originOfPolicy = (name: string): string => {
  const parts = /^ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]$/.exec(name);
  return parts ? `AuthorizationPolicy/${parts[1]}/${parts[2]}/${parts[3]}` : '';
};
