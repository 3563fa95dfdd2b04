import type { ObjectRef } from '@weft/base/diagnostic';
import { checkConflicts } from './check-conflicts.ts';
import { checkDelegation } from './check-delegation.ts';
import { checkPolicies } from './check-policies.ts';
import { checkReferences } from './check-references.ts';
import { checkSelections } from './check-selections.ts';
import { checkShadowing } from './check-shadowing.ts';
import type { Issue } from './issue.ts';
import type { Mesh } from './mesh.ts';

/** Something to say about an object in view of the others. It stays in force. */
export interface Finding {
  readonly of: ObjectRef;
  readonly issue: Issue;
}

/** What objects say about each other. Linear in the size of the mesh. */
export const crossCheck = (mesh: Mesh): Finding[] => [
  ...checkReferences(mesh),
  ...checkConflicts(mesh),
  ...checkDelegation(mesh),
  ...checkShadowing(mesh),
  ...checkSelections(mesh),
  ...checkPolicies(mesh),
];
