import { hostCovers, isWildcard, resolveHost } from './host.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { compareObjects } from './object-order.ts';
import { following } from './revision.ts';
import { sortedIndex } from './sorted-map.ts';
import { isVisible } from './visibility.ts';

type Rule = MeshObject<DestinationRule>;

interface NamespaceRules {
  readonly exact: Map<string, Rule[]>;
  /** The most specific first. */
  readonly wildcards: { readonly host: string; readonly rule: Rule }[];
}

type Index = Map<string, NamespaceRules>;

const indexOf = following<Index>(
  (mesh) => {
    const index: Index = new Map();
    for (const rule of mesh.destinationRules) add(index, rule, mesh);
    return index;
  },
  (index, { destinationRules }, mesh) => {
    for (const { before, after } of destinationRules) {
      if (before) remove(index, before, mesh);
      if (after) add(index, after, mesh);
    }
  },
);

/** not-yet: a rule for some clients is for none. */
const isForClients = ({ spec }: Rule): boolean => Object.keys(spec.workloadSelector?.matchLabels ?? {}).length > 0;

const add = (index: Index, rule: Rule, mesh: Mesh): void => {
  if (isForClients(rule)) return;
  let own = index.get(rule.namespace);
  if (!own) index.set(rule.namespace, (own = { exact: new Map(), wildcards: [] }));
  const host = resolveHost(rule.spec.host, rule.namespace, mesh);
  const list = own.exact.get(host);
  if (isWildcard(host)) {
    const at = sortedIndex(own.wildcards, (w) => host.length - w.host.length || compareObjects(w.rule, rule));
    own.wildcards.splice(at, 0, { host, rule });
  } else if (list)
    list.splice(
      sortedIndex(list, (r) => compareObjects(r, rule)),
      0,
      rule,
    );
  else own.exact.set(host, [rule]);
};

const remove = (index: Index, rule: Rule, mesh: Mesh): void => {
  const own = index.get(rule.namespace);
  if (!own) return;
  const host = resolveHost(rule.spec.host, rule.namespace, mesh);
  const left = own.exact.get(host)?.filter((r) => r !== rule);
  if (left?.length) own.exact.set(host, left);
  else own.exact.delete(host);
  const at = own.wildcards.findIndex((w) => w.rule === rule);
  if (at >= 0) own.wildcards.splice(at, 1);
};

/**
 * The DestinationRule for a host as clients of a namespace see it: from the client's namespace, else the service's,
 * else the root namespace; in each an exact host before a wildcard. Several for one host in one namespace are one: the
 * first's traffic policy, and the subsets of all (the first of a name). What is returned keeps its identity across
 * loads as long as what it is made of does.
 * https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration
 */
export const destinationRuleFor = (mesh: Mesh, host: string, clientNamespace: string): Rule | undefined => {
  const serviceNamespace = mesh.services.get(host)?.namespace;
  const tried = new Set<string>();
  for (const namespace of [clientNamespace, serviceNamespace, mesh.rootNamespace]) {
    if (namespace === undefined || tried.has(namespace)) continue;
    tried.add(namespace);
    const own = indexOf(mesh).get(namespace);
    if (!own) continue;
    const seen = (rule: Rule): boolean => isVisible(rule.spec.exportTo, rule.namespace, clientNamespace);
    const exact = own.exact.get(host)?.filter(seen);
    if (exact?.length) return merged(exact);
    const best = own.wildcards.find((w) => hostCovers(w.host, host) && seen(w.rule));
    if (best) return merged(own.wildcards.filter((w) => w.host === best.host && seen(w.rule)).map((w) => w.rule));
  }
  return undefined;
};

const merges = new WeakMap<Rule, { readonly of: readonly Rule[]; readonly rule: Rule }[]>();

const merged = (rules: readonly Rule[]): Rule => {
  const first = rules[0] as Rule;
  if (rules.length === 1) return first;
  const known = merges.get(first) ?? [];
  const same = known.find((m) => m.of.length === rules.length && m.of.every((r, i) => r === rules[i]));
  if (same) return same.rule;
  const subsets = new Map(
    rules
      .flatMap((r) => r.spec.subsets ?? [])
      .reverse()
      .map((s) => [s.name, s]),
  );
  const trafficPolicy = rules.find((r) => r.spec.trafficPolicy)?.spec.trafficPolicy;
  const rule: Rule = { ...first, spec: { ...first.spec, trafficPolicy, subsets: [...subsets.values()].reverse() } };
  merges.set(first, [...known, { of: rules, rule }]);
  return rule;
};
