import { hostCovers, isWildcard, resolveHost } from './host.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { compareObjects } from './object-order.ts';
import { following } from './revision.ts';
import { sortedIndex } from './sorted-map.ts';
import { isVisible } from './visibility.ts';

type Rule = MeshObject<VirtualService>;

/** Whether a VirtualService applies to sidecars: no `gateways`, or `mesh` among them. */
export const isOnMesh = (spec: VirtualService): boolean => !spec.gateways?.length || spec.gateways.includes('mesh');

/** Rules on the mesh by host, in the order in which they apply. */
interface HostIndex {
  readonly exact: Map<string, Rule[]>;
  /** The most specific first. */
  readonly wildcards: { readonly host: string; readonly rule: Rule }[];
}

const hostsOf = ({ spec, namespace }: Rule, mesh: Mesh): Set<string> =>
  new Set(isOnMesh(spec) ? (spec.hosts ?? []).map((name) => resolveHost(name, namespace, mesh)) : []);

const indexOf = following<HostIndex>(
  (mesh) => {
    const index: HostIndex = { exact: new Map(), wildcards: [] };
    for (const rule of mesh.virtualServices) add(index, rule, mesh);
    return index;
  },
  (index, { virtualServices }, mesh) => {
    for (const { before, after } of virtualServices) {
      if (before) remove(index, before, mesh);
      if (after) add(index, after, mesh);
    }
  },
);

const add = ({ exact, wildcards }: HostIndex, rule: Rule, mesh: Mesh): void => {
  for (const host of hostsOf(rule, mesh)) {
    if (isWildcard(host)) {
      const at = sortedIndex(wildcards, (w) => host.length - w.host.length || compareObjects(w.rule, rule));
      wildcards.splice(at, 0, { host, rule });
      continue;
    }
    const list = exact.get(host);
    if (list)
      list.splice(
        sortedIndex(list, (r) => compareObjects(r, rule)),
        0,
        rule,
      );
    else exact.set(host, [rule]);
  }
};

const remove = ({ exact, wildcards }: HostIndex, rule: Rule, mesh: Mesh): void => {
  for (const host of hostsOf(rule, mesh)) {
    const list = exact.get(host);
    if (list?.length === 1 && list[0] === rule) exact.delete(host);
    else if (list?.includes(rule)) list.splice(list.indexOf(rule), 1);
    const at = wildcards.findIndex((w) => w.rule === rule && w.host === host);
    if (at >= 0) wildcards.splice(at, 1);
  }
};

/** The VirtualServices on the mesh that have a host, as it is written there (a wildcard for itself), in the mesh's order. */
export const virtualServicesOfHost = (mesh: Mesh, host: string): readonly Rule[] => {
  const { exact, wildcards } = indexOf(mesh);
  return isWildcard(host) ? wildcards.filter((w) => w.host === host).map((w) => w.rule) : (exact.get(host) ?? []);
};

/**
 * The VirtualService that routes a host's requests in the sidecars of a namespace, if any. An exact host goes before a
 * wildcard, a longer wildcard before a shorter one; of several for one host the first in the mesh's order applies.
 */
export const virtualServiceFor = (
  mesh: Mesh,
  host: string,
  clientNamespace: string,
  among: (rule: Rule) => boolean = () => true,
): Rule | undefined => {
  const { exact, wildcards } = indexOf(mesh);
  const seen = (rule: Rule): boolean => isVisible(rule.spec.exportTo, rule.namespace, clientNamespace) && among(rule);
  return exact.get(host)?.find(seen) ?? wildcards.find((w) => hostCovers(w.host, host) && seen(w.rule))?.rule;
};
