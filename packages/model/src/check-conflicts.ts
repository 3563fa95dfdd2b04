import type { Finding } from './cross-check.ts';
import { resolveHost } from './host.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { virtualServicesOfHost } from './virtual-service-for.ts';

type Rule = MeshObject<VirtualService>;

/** Of the VirtualServices on the mesh for one host those that are seen where one before them is: only the first applies. */
export const checkConflicts = (mesh: Mesh, host: string): Finding[] => {
  const findings: Finding[] = [];
  /** By namespace, `*` for those that all see. */
  const first = new Map<string, Rule>();
  let anyOf: Rule | undefined;
  for (const rule of virtualServicesOfHost(mesh, host)) {
    const seenBy = audience(rule);
    const winner = seenBy.has('*')
      ? anyOf
      : (first.get('*') ?? [...seenBy].map((namespace) => first.get(namespace)).find((r) => r !== undefined));
    for (const namespace of seenBy) if (!first.has(namespace)) first.set(namespace, rule);
    if (seenBy.size > 0) anyOf ??= rule;
    if (!winner) continue;
    rule.spec.hosts?.forEach((name, i) => {
      if (resolveHost(name, rule.namespace, mesh) !== host) return;
      findings.push({
        of: rule,
        issue: {
          error: 'conflictingVirtualServices',
          level: 'error',
          path: ['spec', 'hosts', i],
          message: `the host ${host} has VirtualService ${winner.namespace}/${winner.name} already, which applies where both are seen`,
          hint: 'merge them into one',
        },
      });
    });
  }
  return findings;
};

const audience = ({ spec, namespace }: Rule): Set<string> => {
  if (!spec.exportTo?.length || spec.exportTo.includes('*')) return new Set(['*']);
  return new Set(spec.exportTo.filter((to) => to !== '~').map((to) => (to === '.' ? namespace : to)));
};
