import type { Finding } from './cross-check.ts';
import { resolveHost } from './host.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { isOnMesh } from './virtual-service-for.ts';

type Rule = MeshObject<VirtualService>;

/** VirtualServices on the mesh for a host that one before them has, where a namespace sees both. Only the first applies. */
export const checkConflicts = (mesh: Mesh): Finding[] => {
  const findings: Finding[] = [];
  /** By host and namespace, `*` for those that all see. */
  const first = new Map<string, Rule>();
  const anyOf = new Map<string, Rule>();
  for (const rule of mesh.virtualServices) {
    if (!isOnMesh(rule.spec)) continue;
    const seenBy = audience(rule);
    rule.spec.hosts?.forEach((name, i) => {
      const host = resolveHost(name, rule.namespace, mesh);
      const everyone = first.get(`${host} *`);
      const winner = seenBy.has('*')
        ? anyOf.get(host)
        : (everyone ?? [...seenBy].map((ns) => first.get(`${host} ${ns}`)).find((r) => r !== undefined));
      for (const namespace of seenBy) if (!first.has(`${host} ${namespace}`)) first.set(`${host} ${namespace}`, rule);
      if (seenBy.size > 0 && !anyOf.has(host)) anyOf.set(host, rule);
      if (!winner || winner === rule) return;
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
