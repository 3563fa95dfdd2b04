import { delegatesOf } from '@weft/model/delegation';
import { isWildcard, resolveHost } from '@weft/model/host';
import type { VirtualService } from '@weft/model/kinds/virtual-service';
import type { Mesh, MeshObject } from '@weft/model/mesh';
import { following } from '@weft/model/revision';

type Rule = MeshObject<VirtualService>;

/** Several values for each key. */
class Multimap<T> {
  readonly #values = new Map<string, Set<T>>();

  get(key: string): Iterable<T> {
    return this.#values.get(key) ?? [];
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

/** Which VirtualServices name a service as a destination, and which delegate to another. */
export interface Dependents {
  /** By fully qualified host. */
  readonly byDestination: Multimap<Rule>;
  /** By `namespace/name` of the delegate. */
  readonly byDelegate: Multimap<Rule>;
}

/** Those of a mesh. */
export const dependentsIn = following<Dependents>(
  (mesh) => {
    const dependents = { byDestination: new Multimap<Rule>(), byDelegate: new Multimap<Rule>() };
    for (const rule of mesh.virtualServices) add(dependents, rule, mesh);
    return dependents;
  },
  (dependents, { virtualServices }, mesh) => {
    for (const { before, after } of virtualServices) {
      if (before) remove(dependents, before, mesh);
      if (after) add(dependents, after, mesh);
    }
  },
);

const add = ({ byDestination, byDelegate }: Dependents, rule: Rule, mesh: Mesh): void => {
  for (const host of destinationsOf(rule, mesh)) byDestination.add(host, rule);
  for (const delegate of delegatesOf(rule)) byDelegate.add(delegate, rule);
};

const remove = ({ byDestination, byDelegate }: Dependents, rule: Rule, mesh: Mesh): void => {
  for (const host of destinationsOf(rule, mesh)) byDestination.delete(host, rule);
  for (const delegate of delegatesOf(rule)) byDelegate.delete(delegate, rule);
};

const destinationsOf = ({ spec, namespace }: Rule, mesh: Mesh): Set<string> => {
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
