import type { Source } from '@weft/model/kinds/authorization-policy';
import type { Principal } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import { allOf, type RuleScope, type Said, untestable } from './scope.ts';
import { cidrRange, quote, quoteGlob } from './text.ts';

type Values = readonly string[] | undefined;
type Test = (value: string) => Principal;

/** Who calls. Identities come from the peer's certificate: without mutual TLS there is none to match. */
export const sourcePrincipals = (source: Source, scope: RuleScope): Said<Principal> =>
  allOf([
    either(source.principals, source.notPrincipals, tests.principal(scope)),
    either(source.namespaces, source.notNamespaces, tests.namespace),
    either(source.serviceAccounts, source.notServiceAccounts, tests.serviceAccount(scope)),
    either(source.trustDomains, source.notTrustDomains, tests.trustDomain),
    either(source.ipBlocks, source.notIpBlocks, tests.ip),
    either(source.remoteIpBlocks, source.notRemoteIpBlocks, tests.remoteIp),
    source.requestPrincipals?.length || source.notRequestPrincipals?.length ? untestable(scope) : [],
  ]);

/** One of `values`, and none of `notValues`. */
export const either = (values: Values, notValues: Values, test: Test): Principal[] => [
  ...(values?.length ? [anyId(values.map(test))] : []),
  ...(notValues?.length ? [{ notId: anyId(notValues.map(test)) }] : []),
];

export const anyId = (ids: Principal[]): Principal => (ids.length === 1 ? (ids[0] as Principal) : { orIds: { ids } });

export const everyId = (ids: Principal[]): Principal =>
  ids.length === 0 ? { any: true } : ids.length === 1 ? (ids[0] as Principal) : { andIds: { ids } };

const authenticated = (principalName: StringMatcher): Principal => ({ authenticated: { principalName } });
const matching = (regex: string): Principal => authenticated({ safeRegex: { regex } });

/** By attribute; `when` has them under other names. */
export const tests = {
  principal: (scope: RuleScope) => (value: string) => authenticated(spiffe(ownTrustDomain(value, scope))),
  namespace: (value: string) => matching(`spiffe://[^/]+/ns/${quoteGlob(value, '[^/]*')}/sa/.+`),
  /** `namespace/account`, or an account of the policy's namespace. */
  serviceAccount: (scope: RuleScope) => (value: string) => {
    const [account = '', namespace = scope.namespace] = value.split('/').reverse();
    return matching(`spiffe://[^/]+/ns/${quote(namespace)}/sa/${quote(account)}`);
  },
  trustDomain: (value: string) =>
    value.includes('*')
      ? matching(`spiffe://${quoteGlob(value, '[^/]*')}/.*`)
      : authenticated({ prefix: `spiffe://${value}/` }),
  ip: (value: string): Principal => ({ directRemoteIp: cidrRange(value) }),
  remoteIp: (value: string): Principal => ({ remoteIp: cidrRange(value) }),
};

/** `cluster.local` in a policy means the mesh's own trust domain, whatever its name. */
const ownTrustDomain = (value: string, { trustDomain }: RuleScope): string =>
  value.startsWith('cluster.local/') ? `${trustDomain}${value.slice('cluster.local'.length)}` : value;

const spiffe = (value: string): StringMatcher => {
  if (value === '*') return { safeRegex: { regex: '.+' } };
  if (value.endsWith('*')) return { prefix: `spiffe://${value.slice(0, -1)}` };
  if (value.startsWith('*')) return { safeRegex: { regex: `spiffe://.*${quote(value.slice(1))}` } };
  return { exact: `spiffe://${value}` };
};
