import type { Metadata } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { Route as RouteJson, RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { type CompiledVirtualHost, CompiledRouteTable, type RouteEntry } from '../compiled-route-table.ts';
import { noHeaderOperations } from '../header-operations.ts';
import type { PathMatcher } from '../path-matcher.ts';
import { Redirect } from '../redirect.ts';
import type { Route, VirtualHostInfo } from '../route-table.ts';
import type { HeaderOperations, HeaderStep } from '../runtime-config.ts';
import { VirtualHosts } from '../virtual-hosts.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required } from './fields.ts';
import { FilterConfigLevels } from './filter-configs.ts';
import { foldHeaderSteps, headerSteps } from './header-operations.ts';
import { compileRedirect } from './redirect.ts';
import { compileDirectResponse, compileForward } from './route-action.ts';
import { compileRouteMatch } from './route-match.ts';
import { compileHeaderMatcher } from './string-matcher.ts';

/** A virtual host of a table: as it came, or compiled already for a table that is alike in all but its hosts. */
export type VirtualHostSource = VirtualHost | CompiledVirtualHost;

const isCompiled = (host: VirtualHostSource): host is CompiledVirtualHost => 'entries' in host;

/**
 * `hosts`: where they are not in `json`, because the caller keeps those that did not change. What was compiled anew is
 * told to `onHost` with its index.
 */
export const routeTable = (
  json: RouteConfiguration,
  path: string,
  hosts: readonly VirtualHostSource[] = json.virtualHosts ?? [],
  onHost: (index: number, host: CompiledVirtualHost) => void = () => {},
): CompiledRouteTable => {
  onlyKnown(
    json,
    path,
    [
      'name',
      'virtualHosts',
      'requestHeadersToAdd',
      'requestHeadersToRemove',
      'responseHeadersToAdd',
      'responseHeadersToRemove',
      'mostSpecificHeaderMutationsWins',
      'ignorePortInHostMatching',
      'typedPerFilterConfig',
      'requestMirrorPolicies',
    ],
    ['validateClusters', 'maxDirectResponseBodySizeBytes', 'metadata'],
  );
  const levels = new HeaderLevels(json, path);
  const filters = new FilterConfigLevels().with(json.typedPerFilterConfig, path);
  const byDomain = new VirtualHosts<CompiledVirtualHost>(json.ignorePortInHostMatching ?? false);
  for (const [i, host] of hosts.entries()) {
    const here = at(at(path, 'virtualHosts'), i);
    const compiled = isCompiled(host)
      ? host
      : virtualHost(host, levels, { filters, mirrors: json.requestMirrorPolicies }, here);
    if (compiled !== host) onHost(i, compiled);
    if (!compiled.domains.length) fail(at(here, 'domains'), 'is required');
    for (const [d, domain] of compiled.domains.entries()) {
      if (!byDomain.add(domain, compiled)) fail(at(at(here, 'domains'), d), `"${domain}" stands in the table twice`);
    }
  }
  return new CompiledRouteTable(json.name ?? '', byDomain);
};

/** A virtual host that came by itself (VHDS), for a table whose own word it inherits. */
export const virtualHostOf = (table: RouteConfiguration, host: VirtualHost): CompiledVirtualHost => {
  const filters = new FilterConfigLevels().with(table.typedPerFilterConfig, '');
  const around: Around = { filters, mirrors: table.requestMirrorPolicies };
  const compiled = virtualHost(host, new HeaderLevels(table, ''), around, '');
  return compiled.domains.length > 0 ? compiled : fail('domains', 'is required');
};

/**
 * A table of virtual hosts that came one by one. A domain that stands in two of them, as it may while it moves from one
 * to the other, belongs to the later one.
 */
export const routeTableOfHosts = (
  table: RouteConfiguration,
  hosts: Iterable<CompiledVirtualHost>,
): CompiledRouteTable => {
  const byDomain = new VirtualHosts<CompiledVirtualHost>(table.ignorePortInHostMatching ?? false);
  for (const host of [...hosts].reverse()) for (const domain of host.domains) byDomain.add(domain, host);
  return new CompiledRouteTable(table.name ?? '', byDomain);
};

interface HeaderLists {
  readonly requestHeadersToAdd?: RouteJson['requestHeadersToAdd'];
  readonly requestHeadersToRemove?: RouteJson['requestHeadersToRemove'];
  readonly responseHeadersToAdd?: RouteJson['responseHeadersToAdd'];
  readonly responseHeadersToRemove?: RouteJson['responseHeadersToRemove'];
}

interface LevelSteps {
  readonly request: readonly HeaderStep[];
  readonly response: readonly HeaderStep[];
}

const stepsOf = (json: HeaderLists, path: string): LevelSteps => ({
  request: headerSteps(
    json.requestHeadersToAdd,
    json.requestHeadersToRemove,
    at(path, 'requestHeadersToAdd'),
    at(path, 'requestHeadersToRemove'),
  ),
  response: headerSteps(
    json.responseHeadersToAdd,
    json.responseHeadersToRemove,
    at(path, 'responseHeadersToAdd'),
    at(path, 'responseHeadersToRemove'),
  ),
});

/**
 * Merges the levels in the order Envoy applies them: route, virtual host, table (so the table's word is the last), or
 * the other way round with `most_specific_header_mutations_wins`. Routes without steps of their own share the result.
 */
class HeaderLevels {
  readonly #table: LevelSteps;
  readonly #mostSpecificWins: boolean;

  constructor(json: RouteConfiguration, path: string) {
    this.#table = stepsOf(json, path);
    this.#mostSpecificWins = json.mostSpecificHeaderMutationsWins ?? false;
  }

  merge(host: readonly HeaderStep[], route: readonly HeaderStep[], direction: keyof LevelSteps): HeaderOperations {
    const table = this.#table[direction];
    return foldHeaderSteps(this.#mostSpecificWins ? [...table, ...host, ...route] : [...route, ...host, ...table]);
  }
}

interface Around {
  readonly filters: FilterConfigLevels;
  readonly mirrors: VirtualHost['requestMirrorPolicies'];
}

const virtualHost = (json: VirtualHost, levels: HeaderLevels, table: Around, path: string): CompiledVirtualHost => {
  onlyKnown(
    json,
    path,
    [
      'name',
      'domains',
      'routes',
      'requireTls',
      'requestHeadersToAdd',
      'requestHeadersToRemove',
      'responseHeadersToAdd',
      'responseHeadersToRemove',
      'includeRequestAttemptCount',
      'includeAttemptCountInResponse',
      'retryPolicy',
      'virtualClusters',
      'typedPerFilterConfig',
      'requestMirrorPolicies',
    ],
    ['metadata', 'includeIsTimeoutRetryHeader', 'perRequestBufferLimitBytes', 'requestBodyBufferLimit'],
  );
  const steps = stepsOf(json, path);
  const info: VirtualHostInfo = {
    name: required(json.name, at(path, 'name')),
    includeAttemptCount: json.includeRequestAttemptCount ?? false,
    includeAttemptCountInResponse: json.includeAttemptCountInResponse ?? false,
  };
  const shared = {
    request: levels.merge(steps.request, [], 'request'),
    response: levels.merge(steps.response, [], 'response'),
  };
  const around: Around = {
    filters: table.filters.with(json.typedPerFilterConfig, path),
    mirrors: json.requestMirrorPolicies?.length ? json.requestMirrorPolicies : table.mirrors,
  };
  const entries = (json.routes ?? []).map((route, i): RouteEntry => {
    const here = at(at(path, 'routes'), i);
    const own = stepsOf(route, here);
    return compileRoute(route, json, info, around, here, {
      request: own.request.length ? levels.merge(steps.request, own.request, 'request') : shared.request,
      response: own.response.length ? levels.merge(steps.response, own.response, 'response') : shared.response,
    });
  });
  const requireTls = tlsRequirements[json.requireTls ?? 'NONE'] ?? fail(at(path, 'requireTls'), 'is unknown');
  return {
    ...info,
    domains: json.domains ?? [],
    entries,
    requireTls,
    tlsRedirect: requireTls === 'none' ? null : tlsRedirect(info),
    virtualClusters: virtualClusters(json, at(path, 'virtualClusters')),
  };
};

const virtualClusters = (json: VirtualHost, path: string): CompiledVirtualHost['virtualClusters'] =>
  (json.virtualClusters ?? []).map((virtualCluster, i) => {
    const here = at(path, i);
    onlyKnown(virtualCluster, here, ['name', 'headers']);
    const headers = (virtualCluster.headers ?? []).map((h, k) => compileHeaderMatcher(h, at(at(here, 'headers'), k)));
    return { name: required(virtualCluster.name, at(here, 'name')), headers };
  });

const tlsRequirements = { NONE: 'none', EXTERNAL_ONLY: 'external_only', ALL: 'all' } as const;

const compileRoute = (
  json: RouteJson,
  host: VirtualHost,
  info: VirtualHostInfo,
  around: Around,
  path: string,
  headers: { readonly request: HeaderOperations; readonly response: HeaderOperations },
): RouteEntry => {
  onlyKnown(
    json,
    path,
    [
      'name',
      'match',
      'route',
      'redirect',
      'directResponse',
      'metadata',
      'requestHeadersToAdd',
      'requestHeadersToRemove',
      'responseHeadersToAdd',
      'responseHeadersToRemove',
      'typedPerFilterConfig',
      'decorator',
    ],
    ['tracing', 'perRequestBufferLimitBytes', 'requestBodyBufferLimit', 'statPrefix'],
  );
  const filters = around.filters.with(json.typedPerFilterConfig, path);
  const match = compileRouteMatch(required(json.match, at(path, 'match')), at(path, 'match'));
  return {
    matcher: match.matcher,
    route: {
      name: json.name ?? '',
      virtualHost: info,
      action: compileAction(json, host, { ...around, filters }, match.path, path),
      origin: originOf(json.metadata),
      operation: json.decorator?.operation ?? '',
      requestHeaders: headers.request,
      responseHeaders: headers.response,
      filters: filters.compile(),
    },
  };
};

const compileAction = (
  json: RouteJson,
  host: VirtualHost,
  { filters, mirrors }: Around,
  matched: PathMatcher,
  path: string,
): Route['action'] => {
  const inherited = { retry: host.retryPolicy, mirrors, filters };
  if (json.route) return compileForward(json.route, matched, inherited, at(path, 'route'));
  if (json.redirect) return compileRedirect(json.redirect, matched, at(path, 'redirect'));
  if (json.directResponse) return compileDirectResponse(json.directResponse, at(path, 'directResponse'));
  return fail(path, 'has no action');
};

const originOf = (metadata: Metadata | undefined): string => {
  const weft = metadata?.filterMetadata?.weft;
  if (!weft) return '';
  const text = (part: unknown): string => (typeof part === 'string' || typeof part === 'number' ? `${part}` : '');
  return [weft.kind, weft.namespace, weft.name, weft.rule].map(text).join('/');
};

const tlsRedirect = (virtualHost: VirtualHostInfo): Route => ({
  name: '',
  virtualHost,
  action: new Redirect({
    status: 301,
    scheme: 'https',
    host: '',
    port: 0,
    path: '',
    rewrite: null,
    prefix: null,
    stripQuery: false,
  }),
  origin: '',
  operation: '',
  requestHeaders: noHeaderOperations,
  responseHeaders: noHeaderOperations,
  filters: null,
});
