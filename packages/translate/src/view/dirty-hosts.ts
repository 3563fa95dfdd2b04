import { resolveHost } from '@weft/model/host';
import type { Mesh } from '@weft/model/mesh';
import { servicesOfPod } from '@weft/model/pods-of-service';
import type { MeshChanges } from '@weft/model/revision';
import { coveredBy, dependentsIn, destinationsOf, hostsOf } from '@weft/model/dependents';

/**
 * The hosts whose clusters, endpoints or routes a change may concern, for anyone: of services, and those that only
 * VirtualServices have. More than need be does no harm, as what is built anew from the same things is the same object.
 *
 * | changed | concerns |
 * |---|---|
 * | Service | its host; the VirtualServices that lead to it, as clusters are named by its ports; hosts written like one of its names |
 * | Pod, workload | the services that select it: endpoints, identities |
 * | VirtualService | its hosts; where there are Sidecars, what it leads to, which is seen with it; the hosts of the VirtualServices that delegate to it |
 * | DestinationRule | the hosts that it covers |
 * | mesh configuration | `all` |
 */
export const dirtyHosts = (changes: MeshChanges, mesh: Mesh): Set<string> | 'all' => {
  if (changes.meshConfig) return 'all';
  const dirty = new Set<string>();
  const { byDestination, byDelegate } = dependentsIn(mesh);
  const addHosts = (rule: Mesh['virtualServices'][number]): void => {
    for (const host of hostsOf(rule, mesh)) for (const covered of coveredBy(host, mesh)) dirty.add(covered);
  };
  const addRule = (rule: Mesh['virtualServices'][number]): void => {
    addHosts(rule);
    for (const root of byDelegate.get(`${rule.namespace}/${rule.name}`)) addHosts(root);
    if (mesh.sidecars.length > 0) for (const host of destinationsOf(rule, mesh)) dirty.add(host);
  };
  for (const { before, after } of changes.virtualServices) for (const rule of [before, after]) if (rule) addRule(rule);
  for (const { before, after } of changes.destinationRules)
    for (const rule of [before, after])
      if (rule) for (const host of coveredBy(resolveHost(rule.spec.host, rule.namespace, mesh), mesh)) dirty.add(host);
  for (const { before, after } of changes.services) {
    const service = after ?? before;
    if (!service) continue;
    for (const host of [service.host, ...shortNames(service)]) dirty.add(host);
    for (const rule of byDestination.get(service.host)) addRule(rule);
  }
  for (const { before, after } of [...changes.pods, ...changes.workloads])
    for (const pod of [before, after]) if (pod) for (const service of servicesOfPod(mesh, pod)) dirty.add(service.host);
  return dirty;
};

/** What callers may write for a service besides its host. */
export const shortNames = ({ name, namespace }: { readonly name: string; readonly namespace: string }): string[] => [
  `${name}.${namespace}.svc`,
  `${name}.${namespace}`,
];
