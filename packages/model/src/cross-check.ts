import type { ObjectRef } from '@weft/base/diagnostic';
import { checkConflicts } from './check-conflicts.ts';
import { checkDelegation } from './check-delegation.ts';
import { checkPolicy } from './check-policies.ts';
import { checkRouteReferences, checkRuleReference } from './check-references.ts';
import { checkPolicySelection, checkServiceSelection, checkSubsets } from './check-selections.ts';
import { checkShadowing } from './check-shadowing.ts';
import { virtualServiceNamed } from './delegation.ts';
import { hostsOf } from './dependents.ts';
import type { Issue } from './issue.ts';
import type { Mesh } from './mesh.ts';
import { following } from './revision.ts';
import { hintsOf } from './similar-host.ts';
import { checksToRepeat, type CheckedThing } from './what-to-check.ts';

/** Something to say about an object in view of the others. It stays in force. */
export interface Finding {
  readonly of: ObjectRef;
  readonly issue: Issue;
  /** A host that does not exist, where a similar one that does would help. */
  readonly similarTo?: string;
}

/** A look for similar names costs time in proportion to the mesh, so only the first few mistakes get one. */
const MAX_HINTS = 50;

/** What objects say about each other, in an order that does not depend on what changed when. */
export const crossCheck = (mesh: Mesh): Finding[] => {
  const hints = hintsOf(mesh);
  let left = MAX_HINTS;
  return [...findingsOf(mesh)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, findings]) => findings)
    .map((finding) => {
      const { issue, similarTo } = finding;
      return similarTo === undefined || left-- <= 0
        ? finding
        : { ...finding, issue: { ...issue, hint: hints(similarTo) } };
    });
};

/** By what they are about; a change repeats the checks that it concerns. */
const findingsOf = following<Map<string, readonly Finding[]>>(
  (mesh) => {
    const findings = new Map<string, readonly Finding[]>();
    const note = (thing: CheckedThing, name: string, found: readonly Finding[]): void => {
      if (found.length > 0) findings.set(`${thing} ${name}`, found);
    };
    for (const thing of THINGS) for (const name of namesOf[thing](mesh)) note(thing, name, check[thing](mesh, name));
    return findings;
  },
  (findings, changes, mesh) => {
    const repeat = checksToRepeat(changes, mesh);
    for (const thing of THINGS)
      for (const name of repeat[thing]) {
        const found = check[thing](mesh, name);
        if (found.length > 0) findings.set(`${thing} ${name}`, found);
        else findings.delete(`${thing} ${name}`);
      }
  },
);

const THINGS: readonly CheckedThing[] = ['service', 'virtualService', 'routedHost', 'destinationRule', 'policies'];

const namesOf: Readonly<Record<CheckedThing, (mesh: Mesh) => Iterable<string>>> = {
  service: (mesh) => mesh.services.keys(),
  virtualService: (mesh) => mesh.virtualServices.map((o) => `${o.namespace}/${o.name}`),
  routedHost: (mesh) => new Set(mesh.virtualServices.flatMap((rule) => hostsOf(rule, mesh))),
  destinationRule: (mesh) => mesh.destinationRules.map((o) => `${o.namespace}/${o.name}`),
  policies: (mesh) => new Set([...mesh.authorizationPolicies, ...mesh.peerAuthentications].map((o) => o.namespace)),
};

const check: Readonly<Record<CheckedThing, (mesh: Mesh, name: string) => readonly Finding[]>> = {
  service: (mesh, host) => {
    const service = mesh.services.get(host);
    return service ? checkServiceSelection(mesh, service) : [];
  },
  virtualService: (mesh, name) => {
    const rule = virtualServiceNamed(mesh, name);
    if (!rule) return [];
    return [...checkRouteReferences(mesh, rule), ...checkDelegation(mesh, rule), ...checkShadowing(rule)];
  },
  routedHost: checkConflicts,
  destinationRule: (mesh, name) => {
    const rule = destinationRuleNamed(mesh).get(name);
    return rule ? [...checkRuleReference(mesh, rule), ...checkSubsets(mesh, rule)] : [];
  },
  policies: (mesh, namespace) =>
    [
      ...mesh.peerAuthentications.filter((p) => p.namespace === namespace).map((p) => checkPolicySelection(mesh, p)),
      ...mesh.authorizationPolicies
        .filter((p) => p.namespace === namespace)
        .flatMap((p) => [checkPolicySelection(mesh, p), checkPolicy(mesh, p)]),
    ].flat(),
};

const destinationRuleNamed = following<Map<string, Mesh['destinationRules'][number]>>(
  (mesh) => new Map(mesh.destinationRules.map((rule) => [`${rule.namespace}/${rule.name}`, rule])),
  (index, { destinationRules }) => {
    for (const { before, after } of destinationRules) {
      if (after) index.set(`${after.namespace}/${after.name}`, after);
      else if (before) index.delete(`${before.namespace}/${before.name}`);
    }
  },
);
