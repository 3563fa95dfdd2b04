import type { Operation } from '@weft/model/kinds/authorization-policy';
import type { Permission } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import type { HeaderMatcher } from '@weft/xds-api/gen/envoy/config/route/v3';
import { allOf, type RuleScope, type Said, untestable } from './scope.ts';
import { cidrRange, quote, valueMatcher } from './text.ts';

type Values = readonly string[] | undefined;
type Test = (value: string) => Permission;

/** What is asked of the workload. Only ports have a meaning where bytes are not HTTP. */
export const operationPermissions = (operation: Operation, scope: RuleScope): Said<Permission> => {
  const http = (values: Values, notValues: Values, test: Test): Said<Permission> => {
    if (!values?.length && !notValues?.length) return [];
    return scope.http ? either(values, notValues, test) : untestable(scope);
  };
  return allOf([
    http(operation.hosts, operation.notHosts, tests.host),
    http(operation.methods, operation.notMethods, tests.method),
    http(operation.paths, operation.notPaths, tests.path),
    either(operation.ports, operation.notPorts, tests.port),
  ]);
};

/** One of `values`, and none of `notValues`. */
export const either = (values: Values, notValues: Values, test: Test): Permission[] => [
  ...(values?.length ? [anyRule(values.map(test))] : []),
  ...(notValues?.length ? [{ notRule: anyRule(notValues.map(test)) }] : []),
];

const anyRule = (rules: Permission[]): Permission =>
  rules.length === 1 ? (rules[0] as Permission) : { orRules: { rules } };

export const everyRule = (rules: Permission[]): Permission =>
  rules.length === 0 ? { any: true } : rules.length === 1 ? (rules[0] as Permission) : { andRules: { rules } };

export const headerMatcher = (name: string, value: string): HeaderMatcher =>
  value === '*' ? { name, presentMatch: true } : { name, stringMatch: valueMatcher(value) };

/**
 * Hosts are compared without regard to case. A value without a port stands for the host at any port, as callers by way
 * of a proxy name the port always; Istio compares the header as it is.
 */
const host = (value: string): Permission => {
  const authority = (matcher: HeaderMatcher['stringMatch']): Permission => ({
    header: { name: ':authority', stringMatch: { ...matcher, ignoreCase: true } },
  });
  if (value === '*') return { header: { name: ':authority', presentMatch: true } };
  if (value.endsWith('*') || /:\d+$/.test(value)) return authority(valueMatcher(value));
  if (!value.startsWith('*')) return anyRule([authority({ exact: value }), authority({ prefix: `${value}:` })]);
  const regex = `(?i).*${quote(value.slice(1))}(:[0-9]+)?`;
  return { header: { name: ':authority', stringMatch: { safeRegex: { regex } } } };
};

/** `{*}` is one segment of a path, `{**}` any number of them. */
const path = (value: string): Permission => {
  if (!/\{\*\*?\}/.test(value)) return { urlPath: { path: valueMatcher(value) } };
  const regex = value
    .split(/(\{\*\*?\})/)
    .map((part) => (part === '{*}' ? '[^/]+' : part === '{**}' ? '.*' : quote(part)))
    .join('');
  return { urlPath: { path: { safeRegex: { regex } } } };
};

/** By attribute; `when` has some under other names. */
export const tests = {
  host,
  path,
  method: (value: string): Permission => ({ header: headerMatcher(':method', value) }),
  port: (value: string): Permission => ({ destinationPort: Number(value) }),
  ip: (value: string): Permission => ({ destinationIp: cidrRange(value) }),
  serverName: (value: string): Permission => ({ requestedServerName: valueMatcher(value) }),
};
