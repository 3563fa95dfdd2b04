import { delegatesOf } from './delegation.ts';
import { isWildcard, resolveHost } from './host.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { following } from './revision.ts';

type Rule = MeshObject<VirtualService>;

/** Several values for each key. */
class Multimap<T> {
  readonly #values = new Map<string, Set<T>>();

  get(key: string): Iterable<T> {
    return this.#values.get(key) ?? [];
  }

  *values(): Iterable<T> {
    for (const values of this.#values.values()) yield* values;
  }

  add(key: string, value: T): void {
    const values = this.#values.get(key);
    if (values) values.add(value);
    else this.#values.set(key, new Set([value]));
  }

  delete(key: string, value: T): void {
    const values = this.#values.get(key);
    values?.delete(value);
    if (values?.size === 0) this.#values.delete(key);
  }
}

/** Which VirtualServices and DestinationRules name a host, and which VirtualServices delegate to another. */
export interface Dependents {
  /** VirtualServices by the fully qualified hosts that they lead to, and that they route; a wildcard is a host of its own. */
  readonly byDestination: Multimap<Rule>;
  readonly byHost: Multimap<Rule>;
  /** DestinationRules by their host. */
  readonly rulesByHost: Multimap<MeshObject<DestinationRule>>;
  /** By `namespace/name` of the delegate. */
  readonly byDelegate: Multimap<Rule>;
}

/** Those of a mesh. */
export const dependentsIn = following<Dependents>(
  (mesh) => {
    const dependents: Dependents = {
      byDestination: new Multimap<Rule>(),
      byHost: new Multimap<Rule>(),
      rulesByHost: new Multimap<MeshObject<DestinationRule>>(),
      byDelegate: new Multimap<Rule>(),
    };
    for (const rule of mesh.destinationRules) dependents.rulesByHost.add(hostOfRule(rule, mesh), rule);
    for (const rule of mesh.virtualServices) add(dependents, rule, mesh);
    return dependents;
  },
  (dependents, { virtualServices, destinationRules }, mesh) => {
    for (const { before, after } of destinationRules) {
      if (before) dependents.rulesByHost.delete(hostOfRule(before, mesh), before);
      if (after) dependents.rulesByHost.add(hostOfRule(after, mesh), after);
    }
    for (const { before, after } of virtualServices) {
      if (before) remove(dependents, before, mesh);
      if (after) add(dependents, after, mesh);
    }
  },
);

const hostOfRule = ({ spec, namespace }: MeshObject<DestinationRule>, mesh: Mesh): string =>
  resolveHost(spec.host, namespace, mesh);

const add = ({ byDestination, byHost, byDelegate }: Dependents, rule: Rule, mesh: Mesh): void => {
  for (const host of destinationsOf(rule, mesh)) byDestination.add(host, rule);
  for (const host of hostsOf(rule, mesh)) byHost.add(host, rule);
  for (const delegate of delegatesOf(rule)) byDelegate.add(delegate, rule);
};

const remove = ({ byDestination, byHost, byDelegate }: Dependents, rule: Rule, mesh: Mesh): void => {
  for (const host of destinationsOf(rule, mesh)) byDestination.delete(host, rule);
  for (const host of hostsOf(rule, mesh)) byHost.delete(host, rule);
  for (const delegate of delegatesOf(rule)) byDelegate.delete(delegate, rule);
};

/** The hosts that a VirtualService leads to. */
export const destinationsOf = ({ spec, namespace }: Rule, mesh: Mesh): Set<string> => {
  const routes = [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])].flatMap(({ route }) => route ?? []);
  const copies = (spec.http ?? []).flatMap(({ mirror, mirrors }) => [
    ...(mirror ? [mirror] : []),
    ...(mirrors ?? []).map(({ destination }) => destination),
  ]);
  const all = [...routes.map(({ destination }) => destination), ...copies];
  return new Set(all.map(({ host }) => resolveHost(host, namespace, mesh)));
};

/** The hosts that a VirtualService routes, as they are written; a delegate has none. */
export const hostsOf = ({ spec, namespace }: Rule, mesh: Mesh): string[] =>
  (spec.hosts ?? []).map((name) => resolveHost(name, namespace, mesh));

/** All services that a host with a wildcard covers, or the one that it names. */
export const coveredBy = (host: string, mesh: Mesh): string[] => {
  if (!isWildcard(host)) return [host];
  const suffix = host.slice(1);
  return [host, ...[...mesh.services.keys()].filter((service) => service.endsWith(suffix))];
};
