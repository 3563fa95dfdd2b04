import type { Finding } from './cross-check.ts';
import { type DelegationProblem, delegationProblems } from './delegation.ts';
import type { Issue } from './issue.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { nearest } from './nearest.ts';

/** Rules that delegate to what is not there, or not for them, and rules of a delegate that the root keeps from matching. */
export const checkDelegation = (mesh: Mesh, root: MeshObject<VirtualService>): Finding[] =>
  delegationProblems(mesh, root).map((problem) => finding(mesh, root, problem));

const finding = (mesh: Mesh, root: MeshObject<unknown>, problem: DelegationProblem): Finding => {
  const { index, delegate, rule } = problem;
  const path = ['spec', 'http', index, 'delegate'];
  const at = `spec.http[${index}].delegate`;
  const say = (error: Issue['error'], message: string, hint: string): Finding => ({
    of: root,
    issue: { error, level: 'error', path, message: `${at} is ${delegate}, ${message}`, hint },
  });
  if (rule) {
    const message = `spec.http[${rule.index}].match is wider than spec.http[${index}].match of VirtualService ${root.namespace}/${root.name}, which delegates here: the route is left out`;
    return {
      of: rule.of,
      issue: {
        error: 'delegateConflict',
        level: 'error',
        path: ['spec', 'http', rule.index],
        message,
        hint: 'each match must be narrower than one of the root’s; regular expressions cannot be compared',
      },
    };
  }
  if (problem.kind === 'hosts') return say('unknownDelegate', 'which has hosts of its own', 'a delegate has no hosts');
  if (problem.kind === 'invisible')
    return say('unknownDelegate', `which namespace ${root.namespace} does not see`, 'export it with exportTo');
  const [namespace, name = ''] = delegate.split('/') as [string, string?];
  const names = mesh.virtualServices.filter((v) => v.namespace === namespace && v !== root).map((v) => v.name);
  const meant = nearest(name, names);
  return say('unknownDelegate', 'and there is no such VirtualService', meant ? `did you mean ${meant}?` : '');
};
