import { hostCovers, isWildcard, resolveHost } from './host.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { isVisible } from './visibility.ts';

type Rule = MeshObject<VirtualService>;

/** Whether a VirtualService applies to sidecars: no `gateways`, or `mesh` among them. */
export const isOnMesh = (spec: VirtualService): boolean => !spec.gateways?.length || spec.gateways.includes('mesh');

interface HostIndex {
  readonly exact: ReadonlyMap<string, readonly Rule[]>;
  /** The most specific first. */
  readonly wildcards: readonly { readonly host: string; readonly rule: Rule }[];
}

const indexes = new WeakMap<Mesh, HostIndex>();

const indexOf = (mesh: Mesh): HostIndex => {
  const known = indexes.get(mesh);
  if (known) return known;
  const exact = new Map<string, Rule[]>();
  const wildcards: { host: string; rule: Rule }[] = [];
  for (const rule of mesh.virtualServices) {
    if (!isOnMesh(rule.spec)) continue;
    for (const name of rule.spec.hosts ?? []) {
      const host = resolveHost(name, rule.namespace, mesh);
      const list = exact.get(host);
      if (isWildcard(host)) wildcards.push({ host, rule });
      else if (list) list.push(rule);
      else exact.set(host, [rule]);
    }
  }
  wildcards.sort((a, b) => b.host.length - a.host.length);
  const index = { exact, wildcards };
  indexes.set(mesh, index);
  return index;
};

/**
 * The VirtualService that routes a host's requests in the sidecars of a namespace, if any. An exact host goes before a
 * wildcard, a longer wildcard before a shorter one; of several for one host the first in the mesh's order applies.
 */
export const virtualServiceFor = (mesh: Mesh, host: string, clientNamespace: string): Rule | undefined => {
  const { exact, wildcards } = indexOf(mesh);
  const seen = (rule: Rule): boolean => isVisible(rule.spec.exportTo, rule.namespace, clientNamespace);
  return exact.get(host)?.find(seen) ?? wildcards.find((w) => hostCovers(w.host, host) && seen(w.rule))?.rule;
};
