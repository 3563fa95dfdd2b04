import type { Cors } from '@weft/xds-api/gen/envoy/extensions/filters/http/cors/v3';
import type { FilterConfig as ForwardProxyFilter } from '@weft/xds-api/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3';
import type { HTTPFault } from '@weft/xds-api/gen/envoy/extensions/filters/http/fault/v3';
import type { HeaderMutation } from '@weft/xds-api/gen/envoy/extensions/filters/http/header_mutation/v3';
import type { RBAC } from '@weft/xds-api/gen/envoy/extensions/filters/http/rbac/v3';
import type { Router } from '@weft/xds-api/gen/envoy/extensions/filters/http/router/v3';
import type { HttpFilter } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { Authorizer } from '../authorize.ts';
import type { FaultPolicy } from '../fault.ts';
import type { HeaderOperations, HeaderStep, HttpConnectionManagerConfig } from '../runtime-config.ts';
import { checkDnsCache } from './dns-cache.ts';
import { fail } from './failure.ts';
import { compileFault } from './fault.ts';
import { at, onlyKnown, required, typeOf, unpack } from './fields.ts';
import { foldHeaderSteps, mutationSteps } from './header-operations.ts';
import { compileRbacRules } from './rbac.ts';

export interface HttpFilters {
  readonly authorizers: readonly Authorizer[];
  readonly requestHeaderOps: HeaderOperations;
  readonly responseHeaderOps: HeaderOperations;
  readonly fault: HttpConnectionManagerConfig['fault'];
  readonly cors: HttpConnectionManagerConfig['cors'];
  readonly grpcWeb: boolean;
}

const PACKAGE = 'envoy.extensions.filters.http';

/**
 * The filters of a chain by kind. At run time all authorizers come before all header operations; an rbac filter that
 * looks at a header which an earlier header_mutation changes would then decide differently, and is refused. Then come
 * fault and cors, which routes configure; both at most once, and no filter that could answer in between.
 */
export const compileHttpFilters = (filters: readonly HttpFilter[] | undefined, path: string): HttpFilters => {
  const chain = new Chain();
  for (const [i, filter] of (filters ?? []).entries()) {
    const here = at(path, i);
    onlyKnown(filter, here, ['name', 'typedConfig', 'isOptional', 'disabled']);
    if (filter.disabled) continue;
    if (chain.ended) fail(here, 'comes after the router');
    chain.add(filter, here);
  }
  if (!chain.ended) fail(path, 'must end with the router');
  return {
    authorizers: chain.authorizers,
    requestHeaderOps: foldHeaderSteps(chain.requestSteps),
    responseHeaderOps: foldHeaderSteps(chain.responseSteps),
    fault: chain.fault,
    cors: chain.cors,
    grpcWeb: chain.grpcWeb,
  };
};

const unlessIdle = (policy: FaultPolicy): FaultPolicy | null =>
  policy.delayMs * policy.delayShare + policy.abortShare > 0 ? policy : null;

class Chain {
  readonly authorizers: Authorizer[] = [];
  readonly requestSteps: HeaderStep[] = [];
  /** Response filters run backwards: those of the last filter come first. */
  readonly responseSteps: HeaderStep[] = [];
  fault: HttpFilters['fault'] = null;
  cors: HttpFilters['cors'] = null;
  grpcWeb = false;
  ended = false;

  add(filter: HttpFilter, path: string): void {
    const any = required(filter.typedConfig, at(path, 'typedConfig'));
    const here = at(path, 'typedConfig');
    switch (typeOf(any)) {
      case `${PACKAGE}.router.v3.Router`:
        onlyKnown(
          unpack<Router>(any),
          here,
          [],
          ['dynamicStats', 'startChildSpan', 'suppressEnvoyHeaders', 'suppressGrpcRequestFailureCodeStats'],
        );
        this.ended = true;
        return;
      case `${PACKAGE}.dynamic_forward_proxy.v3.FilterConfig`: {
        // The cluster that it resolves names for does so itself, when it makes a connection.
        const { dnsCacheConfig, ...rest } = unpack<ForwardProxyFilter>(any);
        onlyKnown(rest, here, [], ['saveUpstreamAddress', 'allowDynamicHostFromFilterState']);
        checkDnsCache(required(dnsCacheConfig, at(here, 'dnsCacheConfig')), at(here, 'dnsCacheConfig'));
        return;
      }
      case `${PACKAGE}.fault.v3.HTTPFault`:
        if (this.fault) fail(here, 'stands in the chain twice');
        if (this.cors) fail(here, 'comes after cors: that order is not supported');
        this.fault = { name: filter.name ?? '', policy: unlessIdle(compileFault(unpack<HTTPFault>(any), here)) };
        return;
      case `${PACKAGE}.cors.v3.Cors`:
        if (this.cors) fail(here, 'stands in the chain twice');
        onlyKnown(unpack<Cors>(any), here, []);
        this.cors = { name: filter.name ?? '' };
        return;
      case `${PACKAGE}.grpc_web.v3.GrpcWeb`:
        this.grpcWeb = true;
        return;
      case `${PACKAGE}.rbac.v3.RBAC`:
        if (this.fault || this.cors) fail(here, 'comes after fault or cors: that order is not supported');
        return this.#rbac(unpack(any), here);
      case `${PACKAGE}.header_mutation.v3.HeaderMutation`:
        return this.#headerMutation(unpack(any), here);
      default:
        if (!filter.isOptional) fail(at(here, '@type'), `${typeOf(any)} is not supported`);
    }
  }

  #rbac(json: RBAC, path: string): void {
    onlyKnown(
      json,
      path,
      ['rules'],
      ['rulesStatPrefix', 'shadowRules', 'shadowMatcher', 'shadowRulesStatPrefix', 'trackPerRuleStats'],
    );
    if (!json.rules) return;
    const names = new Set<string>();
    this.authorizers.push(compileRbacRules(json.rules, at(path, 'rules'), names));
    const changed = this.requestSteps.find((step) => names.has(step.name));
    if (changed)
      fail(path, `looks at header ${changed.name}, which an earlier filter changes: that order is not supported`);
  }

  #headerMutation(json: HeaderMutation, path: string): void {
    onlyKnown(json, path, ['mutations'], ['mostSpecificHeaderMutationsWins']);
    const mutations = json.mutations ?? {};
    const here = at(path, 'mutations');
    onlyKnown(mutations, here, ['requestMutations', 'responseMutations']);
    this.requestSteps.push(...mutationSteps(mutations.requestMutations, at(here, 'requestMutations')));
    this.responseSteps.unshift(...mutationSteps(mutations.responseMutations, at(here, 'responseMutations')));
  }
}
