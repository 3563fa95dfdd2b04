import { hostCovers } from './host.ts';
import { formatPath, type Issue, showValue } from './issue.ts';
import { hostProblem, isIpBlock } from './kinds/host-name.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { FieldPath } from './manifest-file.ts';

/**
 * What a schema cannot say of `tls` and `tcp` routes: where they lead, and that what they match can be matched.
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSMatchAttributes
 */
export const checkL4Routes = (spec: VirtualService): Issue[] => {
  const issues: Issue[] = [];
  const say = (path: FieldPath, message: string, hint = '', error: Issue['error'] = 'invalidValue'): void => {
    issues.push({ error, level: 'error', path, message: `${formatPath(path)} ${message}`, hint });
  };
  const subnets = (match: { readonly destinationSubnets?: readonly string[] | undefined }, path: FieldPath): void =>
    match.destinationSubnets?.forEach((subnet, i) => {
      if (!isIpBlock(subnet))
        say([...path, 'destinationSubnets', i], `is ${showValue(subnet)}, must be a range of addresses`);
    });
  spec.tls?.forEach((rule, i) => {
    const path = ['spec', 'tls', i];
    if (rule.match.length === 0) say([...path, 'match'], 'is empty', 'write sniHosts', 'missingField');
    if (rule.route.length === 0) say([...path, 'route'], 'is empty', 'write a destination', 'missingField');
    rule.match.forEach((match, j) => {
      const at = [...path, 'match', j];
      subnets(match, at);
      match.sniHosts.forEach((host, k) => {
        const problem =
          hostProblem(host) ?? (/^\*[^.]/.test(host) ? 'has more than a * in its first label' : undefined);
        if (problem) say([...at, 'sniHosts', k], `is ${showValue(host)}, which ${problem}`);
        else if (!spec.hosts?.some((name) => hostCovers(name, host)))
          say([...at, 'sniHosts', k], `is ${showValue(host)}, which none of the hosts covers`, 'add it to spec.hosts');
      });
    });
  });
  spec.tcp?.forEach((rule, i) => rule.match?.forEach((match, j) => subnets(match, ['spec', 'tcp', i, 'match', j])));
  return issues;
};
