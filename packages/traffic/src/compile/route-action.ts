import type {
  DirectResponseAction as DirectResponseJson,
  RetryPolicy as RetryPolicyJson,
  RouteAction,
  RouteAction_RequestMirrorPolicy,
  WeightedCluster as WeightedClusterJson,
} from '@weft/xds-api/gen/envoy/config/route/v3';
import type { GrpcTimeoutPolicy } from '../grpc-timeout.ts';
import { noHeaderOperations } from '../header-operations.ts';
import type { PathMatcher } from '../path-matcher.ts';
import type { DirectResponseAction, ForwardAction, WeightedClusters } from '../route-table.ts';
import { fail } from './failure.ts';
import { at, durationMs, onlyKnown, required } from './fields.ts';
import type { FilterConfigLevels } from './filter-configs.ts';
import { foldHeaderSteps, headerSteps } from './header-operations.ts';
import { compileMirrors } from './mirror.ts';
import { compilePathRewrite } from './path-rewrite.ts';
import { compileRetryPolicy } from './retry-policy.ts';

const DEFAULT_TIMEOUT_MS = 15_000;

/** What a forwarding route takes from its surroundings where it says nothing itself. */
interface Inherited {
  readonly retry: RetryPolicyJson | undefined;
  readonly mirrors: readonly RouteAction_RequestMirrorPolicy[] | undefined;
  /** Of the route itself, for its weighted clusters. */
  readonly filters: FilterConfigLevels;
}

export const compileForward = (
  json: RouteAction,
  matched: PathMatcher,
  inherited: Inherited,
  path: string,
): ForwardAction => {
  onlyKnown(
    json,
    path,
    [
      'cluster',
      'weightedClusters',
      'clusterNotFoundResponseCode',
      'prefixRewrite',
      'regexRewrite',
      'hostRewriteLiteral',
      'timeout',
      'idleTimeout',
      'maxStreamDuration',
      'maxGrpcTimeout',
      'grpcTimeoutOffset',
      'retryPolicy',
      'upgradeConfigs',
      'requestMirrorPolicies',
    ],
    // Hash policies: no hashing balancer yet, so they choose nothing.
    ['flushTimeout', 'earlyDataPolicy', 'priority', 'hashPolicy', 'includeVhRateLimits'],
  );
  const retry = json.retryPolicy ?? inherited.retry;
  const mirrors = json.requestMirrorPolicies?.length ? json.requestMirrorPolicies : inherited.mirrors;
  return {
    kind: 'forward',
    clusters: compileClusters(json, inherited.filters, path),
    clusterNotFoundStatus: notFoundStatuses[json.clusterNotFoundResponseCode ?? 'SERVICE_UNAVAILABLE'],
    timeoutMs: durationMs(json.timeout, DEFAULT_TIMEOUT_MS, at(path, 'timeout')),
    idleTimeoutMs: durationMs(json.idleTimeout, 0, at(path, 'idleTimeout')),
    maxStreamDurationMs: compileMaxStreamDuration(json, path),
    grpcTimeout: compileGrpcTimeout(json, path),
    retry: retry ? compileRetryPolicy(retry, at(path, 'retryPolicy')) : null,
    hostRewrite: json.hostRewriteLiteral ?? '',
    ...compilePathRewrite(json, matched, path),
    ...compileUpgrades(json, matched, path),
    mirrors: compileMirrors(mirrors, at(path, 'requestMirrorPolicies')),
  };
};

const compileMaxStreamDuration = ({ maxStreamDuration: json }: RouteAction, path: string): number => {
  if (!json) return -1;
  const here = at(path, 'maxStreamDuration');
  onlyKnown(json, here, ['maxStreamDuration', 'grpcTimeoutHeaderMax', 'grpcTimeoutHeaderOffset']);
  return durationMs(json.maxStreamDuration, -1, at(here, 'maxStreamDuration'));
};

/** As Envoy: a route with a longest duration of streams looks at nothing but that. */
const compileGrpcTimeout = (json: RouteAction, path: string): GrpcTimeoutPolicy | null => {
  const { maxStreamDuration: stream, maxGrpcTimeout, grpcTimeoutOffset } = json;
  if (stream?.grpcTimeoutHeaderMax !== undefined) {
    const here = at(path, 'maxStreamDuration');
    return {
      of: 'stream',
      maxMs: durationMs(stream.grpcTimeoutHeaderMax, 0, at(here, 'grpcTimeoutHeaderMax')),
      offsetMs: durationMs(stream.grpcTimeoutHeaderOffset, 0, at(here, 'grpcTimeoutHeaderOffset')),
    };
  }
  if (stream || maxGrpcTimeout === undefined) return null;
  return {
    of: 'route',
    maxMs: durationMs(maxGrpcTimeout, 0, at(path, 'maxGrpcTimeout')),
    offsetMs: durationMs(grpcTimeoutOffset, 0, at(path, 'grpcTimeoutOffset')),
  };
};

const notFoundStatuses = { SERVICE_UNAVAILABLE: 503, NOT_FOUND: 404, INTERNAL_SERVER_ERROR: 500 };

const compileUpgrades = (
  json: RouteAction,
  matched: PathMatcher,
  path: string,
): Pick<ForwardAction, 'upgrades' | 'refusedUpgrades'> => {
  const upgrades: string[] = [];
  const refusedUpgrades: string[] = [];
  let endsConnect = false;
  for (const [i, upgrade] of (json.upgradeConfigs ?? []).entries()) {
    const here = at(at(path, 'upgradeConfigs'), i);
    onlyKnown(upgrade, here, ['upgradeType', 'enabled', 'connectConfig']);
    const type = required(upgrade.upgradeType, at(here, 'upgradeType')).toLowerCase();
    (upgrade.enabled === false ? refusedUpgrades : upgrades).push(type);
    if (type === 'connect' && upgrade.connectConfig) {
      onlyKnown(upgrade.connectConfig, at(here, 'connectConfig'), []);
      endsConnect = true;
    }
  }
  // With it Envoy sends on what is inside the tunnel, as our proxy does; without, the CONNECT itself.
  if (matched.kind === 'connect' && !endsConnect) {
    fail(
      at(path, 'upgradeConfigs'),
      'a connect matcher needs CONNECT with a connectConfig: passing CONNECT on is not supported',
    );
  }
  return upgrades.length + refusedUpgrades.length > 0 ? { upgrades, refusedUpgrades } : noUpgrades;
};

const noUpgrades = { upgrades: [], refusedUpgrades: [] };

const compileClusters = (json: RouteAction, filters: FilterConfigLevels, path: string): WeightedClusters => {
  if (json.weightedClusters) return compileWeighted(json.weightedClusters, filters, at(path, 'weightedClusters'));
  const name = required(json.cluster, at(path, 'cluster'));
  const entry = {
    name,
    weight: 1,
    hostRewrite: '',
    requestHeaders: noHeaderOperations,
    responseHeaders: noHeaderOperations,
    filters: filters.compile(),
  };
  return { entries: [entry], totalWeight: 1 };
};

const compileWeighted = (json: WeightedClusterJson, filters: FilterConfigLevels, path: string): WeightedClusters => {
  onlyKnown(json, path, ['clusters', 'totalWeight'], ['runtimeKeyPrefix']);
  const entries = (json.clusters ?? []).map((cluster, i) => {
    const here = at(at(path, 'clusters'), i);
    onlyKnown(cluster, here, [
      'name',
      'weight',
      'requestHeadersToAdd',
      'requestHeadersToRemove',
      'responseHeadersToAdd',
      'responseHeadersToRemove',
      'hostRewriteLiteral',
      'typedPerFilterConfig',
    ]);
    return {
      name: required(cluster.name, at(here, 'name')),
      weight: cluster.weight ?? 0,
      hostRewrite: cluster.hostRewriteLiteral ?? '',
      requestHeaders: foldHeaderSteps(
        headerSteps(
          cluster.requestHeadersToAdd,
          cluster.requestHeadersToRemove,
          at(here, 'requestHeadersToAdd'),
          at(here, 'requestHeadersToRemove'),
        ),
      ),
      responseHeaders: foldHeaderSteps(
        headerSteps(
          cluster.responseHeadersToAdd,
          cluster.responseHeadersToRemove,
          at(here, 'responseHeadersToAdd'),
          at(here, 'responseHeadersToRemove'),
        ),
      ),
      filters: filters.with(cluster.typedPerFilterConfig, here).compile(),
    };
  });
  const totalWeight = entries.reduce((sum, entry) => sum + entry.weight, 0);
  if (totalWeight === 0) fail(path, 'the weights add up to 0');
  if (json.totalWeight && json.totalWeight !== totalWeight) {
    fail(at(path, 'totalWeight'), `is ${json.totalWeight}, but the weights add up to ${totalWeight}`);
  }
  return { entries, totalWeight };
};

export const compileDirectResponse = (json: DirectResponseJson, path: string): DirectResponseAction => {
  onlyKnown(json, path, ['status', 'body']);
  const status = json.status ?? 0;
  if (!Number.isInteger(status) || status < 200 || status > 599)
    fail(at(path, 'status'), `${status} is not a final status`);
  const body = json.body ?? {};
  onlyKnown(body, at(path, 'body'), ['inlineString', 'inlineBytes']);
  const text =
    body.inlineBytes === undefined
      ? (body.inlineString ?? '')
      : decodeBase64(body.inlineBytes, at(path, 'body.inlineBytes'));
  return { kind: 'direct', status, body: text };
};

const decodeBase64 = (text: string, path: string): string => {
  try {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail(path, 'is not base64 of UTF-8 text');
  }
};
