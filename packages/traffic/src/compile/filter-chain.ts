import type { CidrRange as CidrJson } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { Filter, FilterChain, FilterChainMatch } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { RBAC } from '@weft/xds-api/gen/envoy/extensions/filters/network/rbac/v3';
import type { Authorizer } from '../authorize.ts';
import { CidrRange } from '../cidr.ts';
import type { FilterChainConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, oneOf, onlyKnown, required, typeOf, unpack } from './fields.ts';
import { compileHttpConnectionManager } from './http-connection-manager.ts';
import { compileRbacRules } from './rbac.ts';
import { compileTcpProxy } from './tcp-proxy.ts';
import { compileTransportSocket } from './tls-context.ts';

const PACKAGE = 'envoy.extensions.filters.network';

/** Null: the chain is for another port than the listener's, so it never matches. */
export const compileFilterChain = (json: FilterChain, listenerPort: number, path: string): FilterChainConfig | null => {
  onlyKnown(
    json,
    path,
    ['filterChainMatch', 'filters', 'transportSocket', 'name'],
    ['metadata', 'transportSocketConnectTimeout'],
  );
  const match = json.filterChainMatch ?? {};
  const matchPath = at(path, 'filterChainMatch');
  const compiledMatch = compileMatch(match, matchPath);
  const port = match.destinationPort ?? 0;
  const chain: FilterChainConfig = {
    name: json.name ?? '',
    match: compiledMatch,
    tls: compileTransportSocket(json.transportSocket, 'downstream', at(path, 'transportSocket')),
    ...compileFilters(json.filters ?? [], at(path, 'filters')),
  };
  return port === 0 || port === listenerPort ? chain : null;
};

const compileMatch = (json: FilterChainMatch, path: string): FilterChainConfig['match'] => {
  onlyKnown(json, path, [
    'destinationPort',
    'prefixRanges',
    'transportProtocol',
    'applicationProtocols',
    'serverNames',
  ]);
  return {
    destinationRanges: (json.prefixRanges ?? []).map((range, i) => cidrRange(range, at(at(path, 'prefixRanges'), i))),
    transportProtocol: oneOf(json.transportProtocol, '', ['', 'tls', 'raw_buffer'], at(path, 'transportProtocol')),
    applicationProtocols: [...(json.applicationProtocols ?? [])],
    serverNames: (json.serverNames ?? []).map((name, i) => serverName(name, at(at(path, 'serverNames'), i))),
  };
};

const cidrRange = ({ addressPrefix = '', prefixLen = 0 }: CidrJson, path: string): CidrRange =>
  CidrRange.parse(addressPrefix, prefixLen) ?? fail(path, `${addressPrefix}/${prefixLen} is not a range of addresses`);

const serverName = (name: string, path: string): string => {
  if (name.replace(/^\*\./, '').includes('*') || name === '') fail(path, `"${name}" is neither a name nor *.suffix`);
  return name.toLowerCase();
};

const compileFilters = (
  filters: readonly Filter[],
  path: string,
): Pick<FilterChainConfig, 'network' | 'networkAuthorizers'> => {
  const networkAuthorizers: Authorizer[] = [];
  for (const [i, filter] of filters.entries()) {
    const here = at(path, i);
    onlyKnown(filter, here, ['name', 'typedConfig']);
    const any = required(filter.typedConfig, at(here, 'typedConfig'));
    const config = at(here, 'typedConfig');
    const last = i === filters.length - 1;
    switch (typeOf(any)) {
      case `${PACKAGE}.rbac.v3.RBAC`: {
        const authorizer = compileNetworkRbac(unpack(any), config);
        if (authorizer) networkAuthorizers.push(authorizer);
        break;
      }
      case `${PACKAGE}.http_connection_manager.v3.HttpConnectionManager`:
        if (!last) fail(at(path, i + 1), 'comes after a filter that ends the chain');
        return { network: compileHttpConnectionManager(unpack(any), config), networkAuthorizers };
      case `${PACKAGE}.tcp_proxy.v3.TcpProxy`:
        if (!last) fail(at(path, i + 1), 'comes after a filter that ends the chain');
        return { network: compileTcpProxy(unpack(any), config), networkAuthorizers };
      default:
        fail(at(config, '@type'), `${typeOf(any)} is not supported`);
    }
  }
  return fail(path, 'must end with http_connection_manager or tcp_proxy');
};

const compileNetworkRbac = (json: RBAC, path: string): Authorizer | null => {
  onlyKnown(
    json,
    path,
    ['rules'],
    ['statPrefix', 'shadowRules', 'shadowMatcher', 'shadowRulesStatPrefix', 'enforcementType', 'delayDeny'],
  );
  return json.rules ? compileRbacRules(json.rules, at(path, 'rules'), new Set()) : null;
};
