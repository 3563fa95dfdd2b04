import { checkSelector } from './check-selector.ts';
import { formatPath, type Issue } from './issue.ts';
import type { Sidecar } from './kinds/sidecar.ts';

/** What a schema cannot say: https://istio.io/latest/docs/reference/config/networking/sidecar/ */
export const checkSidecar = (spec: Sidecar): Issue[] => {
  const issues: Issue[] = checkSelector(spec.workloadSelector?.labels, ['spec', 'workloadSelector', 'labels']);
  const withoutPort = (spec.egress ?? []).flatMap((egress, i) => (egress.port ? [] : [i]));
  for (const i of withoutPort.slice(1)) {
    const path = ['spec', 'egress', i];
    const message = `${formatPath(path)} has no port, as spec.egress[${withoutPort[0]}]: only one may be for all ports`;
    issues.push({ error: 'invalidValue', level: 'error', path, message });
  }
  return issues;
};
