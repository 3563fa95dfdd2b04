import type { Policy as RbacPolicy, RBAC } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import type { Filter } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { RBAC as HttpRbac } from '@weft/xds-api/gen/envoy/extensions/filters/http/rbac/v3';
import type { HttpFilter } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { RBAC as NetworkRbac } from '@weft/xds-api/gen/envoy/extensions/filters/network/rbac/v3';
import { extension } from '../typed.ts';
import { rulePolicy } from './rule.ts';
import type { RuleScope } from './scope.ts';
import type { Policy, SelectedPolicies } from './select.ts';

/**
 * In the order of decision: DENY, then ALLOW. Without any ALLOW policy all is allowed that is not denied.
 * https://istio.io/latest/docs/concepts/security/#implicit-enablement
 */
export const httpAuthorization = (selected: SelectedPolicies, trustDomain: string): HttpFilter[] =>
  decisions(selected, { http: true, trustDomain }).map((rules) =>
    extension('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', { rules } satisfies HttpRbac),
  );

/** As `httpAuthorization`, for connections whose bytes are not read as HTTP. */
export const networkAuthorization = (selected: SelectedPolicies, trustDomain: string): Filter[] =>
  decisions(selected, { http: false, trustDomain }).map((rules) =>
    extension('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC', {
      statPrefix: 'tcp.',
      rules,
    } satisfies NetworkRbac),
  );

type Scope = Pick<RuleScope, 'http' | 'trustDomain'>;

const decisions = ({ allow, deny, denied }: SelectedPolicies, scope: Scope): RBAC[] => {
  const denials = { ...Object.fromEntries(denied.map(denyAll)), ...policiesOf(deny, { ...scope, action: 'DENY' }) };
  return [
    ...(Object.keys(denials).length > 0 ? [{ action: 'DENY' as const, policies: denials }] : []),
    ...(allow.length > 0
      ? [{ action: 'ALLOW' as const, policies: atLeastOne(policiesOf(allow, { ...scope, action: 'ALLOW' }), allow) }]
      : []),
  ];
};

const denyAll = ({ namespace, name }: { namespace: string; name: string }): [string, RbacPolicy] => [
  `ns[${namespace}]-policy[${name}]-unenforceable`,
  { permissions: [{ any: true }], principals: [{ any: true }] },
];

const policiesOf = (policies: readonly Policy[], scope: Omit<RuleScope, 'namespace'>): Record<string, RbacPolicy> =>
  Object.fromEntries(
    policies.flatMap(({ namespace, name, spec }) =>
      (spec.rules ?? []).flatMap((rule, index): [string, RbacPolicy][] => {
        const policy = rulePolicy(rule, { ...scope, namespace });
        return policy ? [[`ns[${namespace}]-policy[${name}]-rule[${index}]`, policy]] : [];
      }),
    ),
  );

/** ALLOW without anything to allow (`spec: {}`) denies all: said outright, not by an empty list. */
const atLeastOne = (policies: Record<string, RbacPolicy>, [first]: readonly Policy[]): Record<string, RbacPolicy> =>
  Object.keys(policies).length > 0
    ? policies
    : {
        [`ns[${first?.namespace}]-policy[${first?.name}]-nothing`]: {
          permissions: [{ notRule: { any: true } }],
          principals: [{ notId: { any: true } }],
        },
      };
