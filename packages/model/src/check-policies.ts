import type { Finding } from './cross-check.ts';
import type { AuthorizationPolicy } from './kinds/authorization-policy.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { isInhabited } from './pods-of-service.ts';

const FIELDS = ['namespaces', 'notNamespaces'] as const;

/** Namespaces that AuthorizationPolicies name as callers' and that nothing is in; and policies of such namespaces. */
export const checkPolicy = (mesh: Mesh, policy: MeshObject<AuthorizationPolicy>): Finding[] => {
  const findings: Finding[] = [];
  const everywhere = policy.namespace === mesh.rootNamespace;
  if (!policy.spec.selector && !everywhere && !isInhabited(mesh, policy.namespace))
    findings.push({
      of: policy,
      issue: {
        error: 'emptySelector',
        level: 'warning',
        path: [],
        message: `the policy is for all workloads of namespace ${policy.namespace}, which has none`,
      },
    });
  policy.spec.rules?.forEach((rule, i) =>
    rule.from?.forEach(({ source }, j) => {
      for (const field of FIELDS)
        source?.[field]?.forEach((name, k) => {
          if (name.startsWith('*') || name.endsWith('*') || mesh.namespaces.has(name)) return;
          const path = ['spec', 'rules', i, 'from', j, 'source', field, k];
          const message = `the namespace ${name} does not exist`;
          findings.push({ of: policy, issue: { error: 'unknownNamespace', level: 'warning', path, message } });
        });
    }),
  );
  return findings;
};
