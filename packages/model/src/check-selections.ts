import type { Finding } from './cross-check.ts';
import { isWildcard, resolveHost } from './host.ts';
import type { Issue } from './issue.ts';
import type { AuthorizationPolicy } from './kinds/authorization-policy.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { PeerAuthentication } from './kinds/peer-authentication.ts';
import type { Mesh, MeshObject, Service } from './mesh.ts';
import { podsOfService, selectsAny, workloadsOfService } from './pods-of-service.ts';
import { type Labels, labelsMatch } from './selector.ts';

const warning = (of: Finding['of'], error: Issue['error'], path: Issue['path'], message: string): Finding => ({
  of,
  issue: { error, level: 'warning', path, message },
});

/** A Service that selects nothing. */
export const checkServiceSelection = (mesh: Mesh, service: Service): Finding[] => {
  const { selector, namespace } = service;
  if (Object.keys(selector).length === 0 || selectsAny(mesh, namespace, selector)) return [];
  const message = `spec.selector selects no workload: ${show(selector)}`;
  return [warning({ ...service, kind: 'Service' }, 'emptyTarget', ['spec', 'selector'], message)];
};

/** Subsets that select nothing of a service that selects something. */
export const checkSubsets = (mesh: Mesh, rule: MeshObject<DestinationRule>): Finding[] => {
  const host = resolveHost(rule.spec.host, rule.namespace, mesh);
  const service = isWildcard(host) ? undefined : mesh.services.get(host);
  const pods = service ? [...workloadsOfService(mesh, service), ...podsOfService(mesh, service)] : [];
  if (pods.length === 0) return []; // Said of the service or the host already.
  return (rule.spec.subsets ?? []).flatMap(({ name, labels }, i) =>
    pods.some((pod) => labelsMatch(labels ?? {}, pod.labels))
      ? []
      : [
          warning(
            rule,
            'emptySubset',
            ['spec', 'subsets', i],
            `the subset ${name} selects no workload of ${host}: ${show(labels ?? {})}`,
          ),
        ],
  );
};

/** A policy whose selector selects nothing. */
export const checkPolicySelection = (
  mesh: Mesh,
  policy: MeshObject<AuthorizationPolicy> | MeshObject<PeerAuthentication>,
): Finding[] => {
  const labels = policy.spec.selector?.matchLabels ?? {};
  if (Object.keys(labels).length === 0) return [];
  const path = ['spec', 'selector', 'matchLabels'];
  const inRoot = policy.namespace === mesh.rootNamespace;
  if (inRoot && policy.kind === 'PeerAuthentication') {
    const message = `in the root namespace ${mesh.rootNamespace} a policy with a selector has no effect`;
    return [warning(policy, 'emptySelector', path, message)];
  }
  const namespaces = inRoot ? mesh.namespaces.keys() : [policy.namespace];
  for (const namespace of namespaces) if (selectsAny(mesh, namespace, labels)) return [];
  return [warning(policy, 'emptySelector', path, `spec.selector selects no workload: ${show(labels)}`)];
};

const show = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
