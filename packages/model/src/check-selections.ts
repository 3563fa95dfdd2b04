import type { Finding } from './cross-check.ts';
import { isWildcard, resolveHost } from './host.ts';
import type { Issue } from './issue.ts';
import { LabelIndex } from './label-index.ts';
import type { Mesh, MeshObject, Pod, Workload } from './mesh.ts';
import { type Labels, labelsMatch } from './selector.ts';

/** Selectors, Services and subsets that select nothing. */
export const checkSelections = (mesh: Mesh): Finding[] => {
  const findings: Finding[] = [];
  const all: readonly (Workload | Pod)[] = [...mesh.workloads.values(), ...mesh.pods.values()];
  const index = new LabelIndex<Workload | Pod>(all, (w) => w.labels);
  const warn = (of: Finding['of'], error: Issue['error'], path: Issue['path'], message: string): void => {
    findings.push({ of, issue: { error, level: 'warning', path, message } });
  };
  for (const service of mesh.services.values()) {
    if (Object.keys(service.selector).length === 0 || index.select(service.namespace, service.selector).length > 0)
      continue;
    warn(
      { ...service, kind: 'Service' },
      'emptyTarget',
      ['spec', 'selector'],
      `spec.selector selects no workload: ${show(service.selector)}`,
    );
  }
  for (const rule of mesh.destinationRules) {
    const host = resolveHost(rule.spec.host, rule.namespace, mesh);
    const service = isWildcard(host) ? undefined : mesh.services.get(host);
    const pods = service && index.select(service.namespace, service.selector);
    if (!pods?.length) continue; // Said of the service or the host already.
    rule.spec.subsets?.forEach(({ name, labels }, i) => {
      if (pods.some((pod) => labelsMatch(labels ?? {}, pod.labels))) return;
      warn(
        rule,
        'emptySubset',
        ['spec', 'subsets', i],
        `the subset ${name} selects no workload of ${host}: ${show(labels ?? {})}`,
      );
    });
  }
  const selects = ({ namespace }: MeshObject<unknown>, labels: Labels, everywhere: boolean): boolean =>
    everywhere ? all.some((w) => labelsMatch(labels, w.labels)) : index.select(namespace, labels).length > 0;
  for (const policy of [...mesh.peerAuthentications, ...mesh.authorizationPolicies]) {
    const labels = policy.spec.selector?.matchLabels ?? {};
    if (Object.keys(labels).length === 0) continue;
    const path = ['spec', 'selector', 'matchLabels'];
    const inRoot = policy.namespace === mesh.rootNamespace;
    if (inRoot && policy.kind === 'PeerAuthentication')
      warn(
        policy,
        'emptySelector',
        path,
        `in the root namespace ${mesh.rootNamespace} a policy with a selector has no effect`,
      );
    else if (!selects(policy, labels, inRoot))
      warn(policy, 'emptySelector', path, `spec.selector selects no workload: ${show(labels)}`);
  }
  return findings;
};

const show = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
