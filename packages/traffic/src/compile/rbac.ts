import type { CidrRange as CidrJson } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { Permission, Policy, Principal, RBAC } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import type { HeaderMatcher as HeaderMatcherJson } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { PathMatcher as PathMatcherJson } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import { type RbacAction, RbacAuthorizer, type RbacPolicy } from '../authorize.ts';
import { CidrRange } from '../cidr.ts';
import {
  AddressIn,
  type AddressOf,
  And,
  anything,
  type Condition,
  HeaderIs,
  Not,
  Or,
  PathIs,
  PortIn,
  PrincipalIs,
  ServerNameIs,
  Unknowable,
} from '../condition.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required } from './fields.ts';
import { compileHeaderMatcher, compileStringMatcher } from './string-matcher.ts';

/** `headerNames` collects the names that policies look at. Audit logging is ignored; CEL conditions are refused. */
export const compileRbacRules = (json: RBAC, path: string, headerNames: Set<string>): RbacAuthorizer => {
  onlyKnown(json, path, ['action', 'policies'], ['auditLoggingOptions']);
  const action = actions[json.action ?? 'ALLOW'] ?? fail(at(path, 'action'), `${json.action} is unknown`);
  const policies = Object.entries(json.policies ?? {}).map(([name, policy]) =>
    compilePolicy(name, policy, at(path, `policies["${name}"]`), headerNames),
  );
  return new RbacAuthorizer(action, policies);
};

const actions: Readonly<Record<string, RbacAction>> = { ALLOW: 'allow', DENY: 'deny', LOG: 'log' };

const compilePolicy = (name: string, json: Policy, path: string, headerNames: Set<string>): RbacPolicy => {
  onlyKnown(json, path, ['permissions', 'principals']);
  if (!json.permissions?.length) fail(at(path, 'permissions'), 'is required');
  if (!json.principals?.length) fail(at(path, 'principals'), 'is required');
  const compiler = new ConditionCompiler(headerNames);
  return {
    name,
    permissions: any(json.permissions, (p, i) => compiler.permission(p, at(at(path, 'permissions'), i))),
    principals: any(json.principals, (p, i) => compiler.principal(p, at(at(path, 'principals'), i))),
  };
};

const any = <T>(list: readonly T[] | undefined, compile: (item: T, index: number) => Condition): Condition => {
  const parts = (list ?? []).map(compile);
  return parts.length === 1 ? (parts[0] as Condition) : new Or(parts);
};

class ConditionCompiler {
  readonly #headerNames: Set<string>;
  constructor(headerNames: Set<string>) {
    this.#headerNames = headerNames;
  }

  permission(json: Permission, path: string): Condition {
    onlyKnown(json, path, [
      'andRules',
      'orRules',
      'any',
      'header',
      'urlPath',
      'destinationIp',
      'destinationPort',
      'destinationPortRange',
      'metadata',
      'notRule',
      'requestedServerName',
      'sourcedMetadata',
    ]);
    if (json.andRules) {
      const here = at(path, 'andRules.rules');
      return new And(atLeastOne(json.andRules.rules, here).map((rule, i) => this.permission(rule, at(here, i))));
    }
    if (json.orRules) {
      const here = at(path, 'orRules.rules');
      return new Or(atLeastOne(json.orRules.rules, here).map((rule, i) => this.permission(rule, at(here, i))));
    }
    if (json.notRule) return new Not(this.permission(json.notRule, at(path, 'notRule')));
    if (json.header) return this.#header(json.header, at(path, 'header'));
    if (json.urlPath) return urlPath(json.urlPath, at(path, 'urlPath'));
    if (json.destinationIp) return address('destination', json.destinationIp, at(path, 'destinationIp'));
    if (json.destinationPort !== undefined) return new PortIn(json.destinationPort, json.destinationPort + 1);
    if (json.destinationPortRange) {
      return new PortIn(json.destinationPortRange.start ?? 0, json.destinationPortRange.end ?? 0);
    }
    if (json.requestedServerName) {
      return new ServerNameIs(compileStringMatcher(json.requestedServerName, at(path, 'requestedServerName')));
    }
    if (json.metadata || json.sourcedMetadata) return metadata;
    return json.any ? anything : fail(path, 'says no permission');
  }

  principal(json: Principal, path: string): Condition {
    onlyKnown(json, path, [
      'andIds',
      'orIds',
      'any',
      'authenticated',
      'sourceIp',
      'directRemoteIp',
      'remoteIp',
      'header',
      'urlPath',
      'metadata',
      'notId',
      'sourcedMetadata',
    ]);
    if (json.andIds) {
      const here = at(path, 'andIds.ids');
      return new And(atLeastOne(json.andIds.ids, here).map((id, i) => this.principal(id, at(here, i))));
    }
    if (json.orIds) {
      const here = at(path, 'orIds.ids');
      return new Or(atLeastOne(json.orIds.ids, here).map((id, i) => this.principal(id, at(here, i))));
    }
    if (json.notId) return new Not(this.principal(json.notId, at(path, 'notId')));
    if (json.authenticated) return authenticated(json.authenticated, at(path, 'authenticated'));
    // No x-forwarded-for is trusted yet, so all three are the connection's peer.
    if (json.sourceIp) return address('source', json.sourceIp, at(path, 'sourceIp'));
    if (json.directRemoteIp) return address('direct source', json.directRemoteIp, at(path, 'directRemoteIp'));
    if (json.remoteIp) return address('source', json.remoteIp, at(path, 'remoteIp'));
    if (json.header) return this.#header(json.header, at(path, 'header'));
    if (json.urlPath) return urlPath(json.urlPath, at(path, 'urlPath'));
    if (json.metadata || json.sourcedMetadata) return metadata;
    return json.any ? anything : fail(path, 'says no principal');
  }

  #header(json: HeaderMatcherJson, path: string): Condition {
    const matcher = compileHeaderMatcher(json, path);
    this.#headerNames.add(matcher.name);
    return new HeaderIs(matcher);
  }
}

const metadata = new Unknowable('metadata of another filter');

const atLeastOne = <T>(list: readonly T[] | undefined, path: string): readonly T[] =>
  list?.length ? list : fail(path, 'is required');

const urlPath = (json: PathMatcherJson, path: string): Condition =>
  new PathIs(compileStringMatcher(required(json.path, at(path, 'path')), at(path, 'path')));

const address = (which: AddressOf, json: CidrJson, path: string): Condition => {
  const prefix = json.addressPrefix ?? '';
  const range = CidrRange.parse(prefix, json.prefixLen ?? 0);
  return range ? new AddressIn(which, range) : fail(path, `${prefix}/${json.prefixLen ?? 0} is not an address range`);
};

const authenticated = (json: NonNullable<Principal['authenticated']>, path: string): Condition => {
  onlyKnown(json, path, ['principalName']);
  const name = json.principalName;
  return new PrincipalIs(name ? compileStringMatcher(name, at(path, 'principalName')) : null);
};
