import type { Condition } from '@weft/model/kinds/authorization-policy';
import type { Permission, Principal } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import * as permission from './permission.ts';
import * as principal from './principal.ts';
import { type RuleScope, untestable } from './scope.ts';

/** What a `when` entry adds to each principal and to each permission of its rule; `never`: the rule cannot match. */
export type Conditions = { readonly principals: Principal[]; readonly permissions: Permission[] } | 'never';

const HEADER = /^request\.headers\[(.+)\]$/;

/** https://istio.io/latest/docs/reference/config/security/conditions/ */
export const conditionOf = ({ key, values, notValues }: Condition, scope: RuleScope): Conditions => {
  const onPrincipal = (test: (value: string) => Principal): Conditions => ({
    principals: principal.either(values, notValues, test),
    permissions: [],
  });
  const onPermission = (test: (value: string) => Permission): Conditions => ({
    principals: [],
    permissions: permission.either(values, notValues, test),
  });
  switch (key) {
    case 'source.ip':
      return onPrincipal(principal.tests.ip);
    case 'remote.ip':
      return onPrincipal(principal.tests.remoteIp);
    case 'source.namespace':
      return onPrincipal(principal.tests.namespace);
    case 'source.principal':
      return onPrincipal(principal.tests.principal(scope));
    case 'source.serviceAccount':
      return onPrincipal(principal.tests.serviceAccount(scope));
    case 'destination.ip':
      return onPermission(permission.tests.ip);
    case 'destination.port':
      return onPermission(permission.tests.port);
    case 'connection.sni':
      return onPermission(permission.tests.serverName);
  }
  const header = HEADER.exec(key)?.[1];
  if (header && scope.http) return onPrincipal((value) => ({ header: permission.headerMatcher(header, value) }));
  return untestable(scope) === 'never' ? 'never' : { principals: [], permissions: [] };
};
