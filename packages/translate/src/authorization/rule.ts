import type { Rule } from '@weft/model/kinds/authorization-policy';
import type { Permission, Policy, Principal } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import { conditionOf } from './condition.ts';
import { everyRule, operationPermissions } from './permission.ts';
import { everyId, sourcePrincipals } from './principal.ts';
import type { RuleScope, Said } from './scope.ts';

/**
 * A rule matches what one of `from` sends for one of `to` while every `when` holds; without `from` any caller, without
 * `to` any operation. Undefined: it can match nothing here.
 */
export const rulePolicy = (rule: Rule, scope: RuleScope): Policy | undefined => {
  const when = (rule.when ?? []).map((condition) => conditionOf(condition, scope));
  const ids: Principal[] = [];
  const rules: Permission[] = [];
  for (const condition of when) {
    if (condition === 'never') return undefined;
    ids.push(...condition.principals);
    rules.push(...condition.permissions);
  }
  const principals = alternatives(rule.from, ({ source }) => sourcePrincipals(source ?? {}, scope)).map((own) =>
    everyId([...own, ...ids]),
  );
  const permissions = alternatives(rule.to, ({ operation }) => operationPermissions(operation ?? {}, scope)).map(
    (own) => everyRule([...own, ...rules]),
  );
  return principals.length > 0 && permissions.length > 0 ? { permissions, principals } : undefined;
};

/** What each entry of a list demands, without those that can never match; a list that is not there demands nothing. */
const alternatives = <Entry, T>(
  entries: readonly Entry[] | undefined,
  read: (entry: Entry) => Said<T>,
): (readonly T[])[] => (entries?.length ? entries.map(read).filter((said) => said !== 'never') : [[]]);
