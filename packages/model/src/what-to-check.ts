import { dependentsIn, hostsOf } from './dependents.ts';
import { isWildcard, resolveHost } from './host.ts';
import type { Mesh, Pod, Workload } from './mesh.ts';
import { servicesOfPod } from './pods-of-service.ts';
import type { MeshChanges } from './revision.ts';

/**
 * What checks are about: a Service by its host, VirtualServices and DestinationRules by `namespace/name`, the
 * VirtualServices of a host by the host, policies by their namespace.
 */
export type CheckedThing = 'service' | 'virtualService' | 'routedHost' | 'destinationRule' | 'policies';

/** The checks whose answers a change may alter. More than need be does no harm. */
export const checksToRepeat = (changes: MeshChanges, mesh: Mesh): Readonly<Record<CheckedThing, Set<string>>> => {
  const repeat = {
    service: new Set<string>(),
    virtualService: new Set<string>(),
    routedHost: new Set<string>(),
    destinationRule: new Set<string>(),
    policies: new Set<string>(),
  };
  const { byDestination, byDelegate, byHost, rulesByHost } = dependentsIn(mesh);
  const named = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
    `${namespace}/${name}`;
  /** Whoever names a host. */
  const addHost = (host: string): void => {
    for (const rule of byDestination.get(host)) repeat.virtualService.add(named(rule));
    for (const rule of byHost.get(host)) repeat.virtualService.add(named(rule));
    for (const rule of rulesByHost.get(host)) repeat.destinationRule.add(named(rule));
  };

  for (const { before, after } of changes.services)
    for (const service of [before, after])
      if (service) {
        repeat.service.add(service.host);
        addHost(service.host);
      }
  for (const { before, after } of [...changes.pods, ...changes.workloads] as const) {
    if (before && after && sameForSelectors(before, after)) continue;
    for (const pod of [before, after]) {
      if (!pod) continue;
      for (const { host } of servicesOfPod(mesh, pod)) {
        repeat.service.add(host);
        for (const rule of rulesByHost.get(host)) repeat.destinationRule.add(named(rule));
      }
      repeat.policies.add(pod.namespace).add(mesh.rootNamespace);
    }
  }
  for (const { before, after } of changes.virtualServices)
    for (const rule of [before, after]) {
      if (!rule) continue;
      repeat.virtualService.add(named(rule));
      for (const host of hostsOf(rule, mesh)) repeat.routedHost.add(host);
      for (const root of byDelegate.get(named(rule))) repeat.virtualService.add(named(root));
    }
  // A delegate that is missing is looked for among the names of its namespace.
  if (changes.virtualServices.some(({ before, after }) => !before || !after))
    for (const root of byDelegate.values()) repeat.virtualService.add(named(root));
  for (const { before, after } of changes.destinationRules)
    for (const rule of [before, after]) {
      if (!rule) continue;
      repeat.destinationRule.add(named(rule));
      const host = resolveHost(rule.spec.host, rule.namespace, mesh);
      if (isWildcard(host)) for (const object of mesh.virtualServices) repeat.virtualService.add(named(object));
      else for (const object of byDestination.get(host)) repeat.virtualService.add(named(object));
    }
  for (const { before, after } of [...changes.authorizationPolicies, ...changes.peerAuthentications])
    for (const policy of [before, after]) if (policy) repeat.policies.add(policy.namespace);
  // Policies name namespaces that may have come or gone.
  if (changes.namespaces.some(({ before, after }) => !before || !after))
    for (const { namespace } of mesh.authorizationPolicies) repeat.policies.add(namespace);
  return repeat;
};

const sameForSelectors = (a: Pod | Workload, b: Pod | Workload): boolean => {
  const keys = Object.keys(a.labels);
  return keys.length === Object.keys(b.labels).length && keys.every((key) => a.labels[key] === b.labels[key]);
};
