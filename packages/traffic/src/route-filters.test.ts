import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RouteAction, RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { CorsPolicy as CorsJson } from '@weft/xds-api/gen/envoy/extensions/filters/http/cors/v3';
import type { HTTPFault } from '@weft/xds-api/gen/envoy/extensions/filters/http/fault/v3';
import { compileRouteTable, isCompileError } from './compile.ts';
import { allowedOrigin, applyCors, type CorsPolicy, isPreflight, preflightHeaders } from './cors.ts';
import { drawAbort, drawDelay, faultApplies, type FaultPolicy } from './fault.ts';
import { grpcToHttpStatus, httpToGrpcStatus } from './grpc-status.ts';
import { isMirrored, mirrorHost, type MirrorPolicy } from './mirror.ts';
import type { RequestView } from './request.ts';
import type { ForwardAction, Route } from './route-table.ts';

const FAULT = 'envoy.filters.http.fault';
const CORS = 'envoy.filters.http.cors';
const fault = (json: HTTPFault) => ({
  '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
  ...json,
});
const cors = (json: CorsJson) => ({
  '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
  ...json,
});
const filterConfig = (json: object) => ({
  '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig',
  ...json,
});

const requestOf = (headers: string[] = [], method = 'GET'): RequestView => ({
  method,
  path: '/',
  authority: 'a.com',
  scheme: 'http',
  headers,
  connection: {
    sourceAddress: '10.0.0.1',
    sourcePort: 1,
    destinationAddress: '10.0.0.2',
    destinationPort: 80,
    mtls: false,
    peerPrincipal: '',
    sni: '',
  },
});

interface Levels {
  readonly table?: RouteConfiguration['typedPerFilterConfig'];
  readonly host?: VirtualHost['typedPerFilterConfig'];
  readonly route?: VirtualHost['typedPerFilterConfig'];
  readonly weighted?: VirtualHost['typedPerFilterConfig'];
}

const compile = ({ table, host, route, weighted }: Levels, action: RouteAction = {}) =>
  compileRouteTable({
    ...(table && { typedPerFilterConfig: table }),
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        ...(host && { typedPerFilterConfig: host }),
        routes: [
          {
            match: { prefix: '/' },
            ...(route && { typedPerFilterConfig: route }),
            route: weighted
              ? {
                  ...action,
                  weightedClusters: { clusters: [{ name: 'c', weight: 1, typedPerFilterConfig: weighted }] },
                }
              : { ...action, cluster: 'c' },
          },
        ],
      },
    ],
  });

const routeOf = (levels: Levels, action?: RouteAction): Route & { readonly action: ForwardAction } => {
  const compiled = compile(levels, action);
  assert.ok(!isCompileError(compiled), JSON.stringify(compiled));
  const route = compiled.match(requestOf());
  assert.ok(route?.action.kind === 'forward');
  return route as Route & { readonly action: ForwardAction };
};

const refusal = (levels: Levels, action?: RouteAction): string => {
  const compiled = compile(levels, action);
  assert.ok(isCompileError(compiled), 'it compiled');
  return compiled.message;
};

const percent = (numerator: number) => ({ numerator });
const abort = (httpStatus: number) => fault({ abort: { httpStatus, percentage: percent(100) } });
const statusOf = (route: Route): number | undefined => route.filters?.fault.get(FAULT)?.abortStatus;

describe('what routes say to filters', () => {
  test('is null where nobody says anything, for the route and for its clusters', () => {
    const route = routeOf({});
    assert.equal(route.filters, null);
    assert.equal(route.action.clusters.entries[0]?.filters, null);
  });

  test('counts at the most specific level: weighted cluster, route, virtual host, table', () => {
    const [a, b, c, d] = [500, 501, 502, 503].map((status) => ({ [FAULT]: abort(status) }));
    assert.equal(statusOf(routeOf({ table: a! })), 500);
    assert.equal(statusOf(routeOf({ table: a!, host: b! })), 501);
    const weighted = routeOf({ table: a!, host: b!, route: c!, weighted: d! });
    assert.equal(statusOf(weighted), 502);
    assert.equal(weighted.action.clusters.entries[0]?.filters?.fault.get(FAULT)?.abortStatus, 503);
    assert.equal(
      routeOf({ route: c!, weighted: {} }).action.clusters.entries[0]?.filters?.fault.get(FAULT)?.abortStatus,
      502,
    );
  });

  test('can be that a filter is off', () => {
    const route = routeOf({ host: { [FAULT]: abort(500) }, route: { [FAULT]: filterConfig({ disabled: true }) } });
    assert.equal(route.filters?.fault.get(FAULT), null);
  });

  test('comes wrapped, and may be of a filter that we lack if it is optional', () => {
    assert.equal(statusOf(routeOf({ route: { [FAULT]: filterConfig({ config: abort(418) }) } })), 418);
    const strange = { '@type': 'x/y.Z' };
    assert.equal(routeOf({ route: { z: filterConfig({ config: strange, isOptional: true }) } }).filters?.fault.size, 0);
    assert.match(
      refusal({ route: { z: filterConfig({ config: strange }) } }),
      /typedPerFilterConfig\["z"\]\.config\.@type: y\.Z is not supported/,
    );
    assert.match(refusal({ host: { z: strange } }), /^virtualHosts\[0\]\.typedPerFilterConfig\["z"\]\.@type/);
    assert.match(refusal({ host: { z: filterConfig({}) } }), /has neither config nor disabled/);
  });
});

const faultOf = (json: HTTPFault): FaultPolicy => {
  const policy = routeOf({ route: { [FAULT]: fault(json) } }).filters?.fault.get(FAULT);
  assert.ok(policy);
  return policy;
};

describe('a fault', () => {
  test('delays and aborts its share of requests', () => {
    const policy = faultOf({
      delay: { fixedDelay: '1.5s', percentage: { numerator: 500_000, denominator: 'MILLION' } },
      abort: { httpStatus: 418, percentage: percent(25) },
    });
    assert.equal(
      drawDelay(policy, () => 0.49),
      1500,
    );
    assert.equal(
      drawDelay(policy, () => 0.5),
      0,
    );
    assert.equal(
      drawAbort(policy, () => 0.24),
      true,
    );
    assert.equal(
      drawAbort(policy, () => 0.25),
      false,
    );
  });

  test('without a percentage happens to nobody', () => {
    const policy = faultOf({ delay: { fixedDelay: '1s' }, abort: { httpStatus: 500 } });
    assert.equal(
      drawDelay(policy, () => 0),
      0,
    );
    assert.equal(
      drawAbort(policy, () => 0),
      false,
    );
  });

  test('may be for some headers or one cluster only', () => {
    const policy = faultOf({ headers: [{ name: 'x', stringMatch: { exact: '1' } }], upstreamCluster: 'c' });
    assert.equal(faultApplies(policy, requestOf(['x', '1']), 'c'), true);
    assert.equal(faultApplies(policy, requestOf(['x', '1']), 'd'), false);
    assert.equal(faultApplies(policy, requestOf(), 'c'), false);
  });

  test('may be a status of gRPC', () => {
    const policy = faultOf({ abort: { grpcStatus: 14, percentage: percent(100) } });
    assert.deepEqual([policy.abortStatus, policy.abortGrpcStatus], [200, 14]);
    assert.deepEqual([0, 1, 5, 16, 99].map(grpcToHttpStatus), [200, 499, 404, 401, 500]);
    assert.deepEqual(
      [400, 401, 403, 404, 429, 502, 503, 504, 418].map(httpToGrpcStatus),
      [13, 16, 7, 12, 14, 14, 14, 14, 2],
    );
  });

  test('that callers could ask for, or that is no answer, is refused', () => {
    const of = (json: HTTPFault): string => refusal({ route: { [FAULT]: fault(json) } });
    assert.match(of({ abort: { headerAbort: {} } }), /abort\.headerAbort: is not supported/);
    assert.match(of({ delay: { headerDelay: {} } }), /delay\.headerDelay: is not supported/);
    assert.match(of({ responseRateLimit: { fixedLimit: { limitKbps: 1 } } }), /responseRateLimit: is not supported/);
    assert.match(of({ downstreamNodes: ['a'] }), /downstreamNodes: is not supported/);
    assert.match(of({ abort: { percentage: percent(1) } }), /abort\.httpStatus: 0 is not a final status/);
  });
});

const corsOf = (json: CorsJson, levels: Levels = {}): CorsPolicy => {
  const policy = routeOf({ ...levels, route: { [CORS]: cors(json) } }).filters?.cors.get(CORS);
  assert.ok(policy);
  return policy;
};

describe('a CORS policy', () => {
  test('tells an origin that is allowed, one that is not, and none', () => {
    const policy = corsOf({
      allowOriginStringMatch: [
        { exact: 'https://a.com' },
        { prefix: 'https://b.' },
        { safeRegex: { regex: 'https://c[0-9]\\.com' } },
      ],
    });
    for (const origin of ['https://a.com', 'https://b.org', 'https://c7.com'])
      assert.equal(allowedOrigin(policy, requestOf(['origin', origin])), origin);
    assert.equal(allowedOrigin(policy, requestOf(['origin', 'https://evil.com'])), '');
    assert.equal(allowedOrigin(policy, requestOf()), null);
    assert.equal(allowedOrigin(corsOf({ allowOriginStringMatch: [{ exact: '*' }] }), requestOf(['origin', 'x'])), 'x');
  });

  test('answers a preflight with what it allows', () => {
    const asks = requestOf(
      [
        'origin',
        'o',
        'access-control-request-method',
        'PUT',
        'access-control-request-headers',
        'x-a',
        'access-control-request-private-network',
        'true',
      ],
      'OPTIONS',
    );
    assert.equal(isPreflight(asks), true);
    assert.equal(isPreflight(requestOf(['origin', 'o'], 'OPTIONS')), false);
    assert.equal(isPreflight({ ...asks, method: 'GET' }), false);
    const said = {
      allowMethods: 'GET,PUT',
      allowHeaders: 'x-a,x-b',
      maxAge: '60',
      allowCredentials: true,
      allowPrivateNetworkAccess: true,
    };
    assert.deepEqual(preflightHeaders(corsOf(said), asks, 'o'), [
      ...['access-control-allow-origin', 'o', 'access-control-allow-credentials', 'true'],
      ...['access-control-allow-methods', 'GET,PUT', 'access-control-allow-headers', 'x-a,x-b'],
      ...['access-control-max-age', '60', 'access-control-allow-private-network', 'true'],
    ]);
    assert.deepEqual(preflightHeaders(corsOf({ allowMethods: '*', allowHeaders: '*' }), asks, ''), [
      ...['access-control-allow-methods', 'PUT', 'access-control-allow-headers', 'x-a'],
    ]);
  });

  test('replaces what the service says of origins', () => {
    const headers = ['access-control-allow-origin', '*', 'x', '1', 'access-control-allow-origin', 'b'];
    applyCors(corsOf({ exposeHeaders: 'x', allowCredentials: true }), 'o', headers);
    assert.deepEqual(headers, [
      ...['x', '1', 'access-control-allow-origin', 'o', 'access-control-allow-credentials', 'true'],
      ...['access-control-expose-headers', 'x'],
    ]);
  });

  test('takes from the virtual host what the route does not say', () => {
    const host = {
      [CORS]: cors({
        allowMethods: 'GET',
        maxAge: '1',
        allowCredentials: true,
        filterEnabled: { defaultValue: percent(0) },
      }),
    };
    const policy = corsOf({ allowMethods: 'PUT', allowCredentials: false }, { host });
    assert.deepEqual(
      [policy.allowMethods, policy.maxAge, policy.allowCredentials, policy.share],
      ['PUT', '1', false, 1],
    );
  });
});

describe('a mirror', () => {
  const mirrorsOf = (action: RouteAction): readonly MirrorPolicy[] | null => routeOf({}, action).action.mirrors;

  test('is null where there is none, and has a share', () => {
    assert.equal(mirrorsOf({}), null);
    const [all, some] = mirrorsOf({
      requestMirrorPolicies: [{ cluster: 'a' }, { cluster: 'b', runtimeFraction: { defaultValue: percent(10) } }],
    })!;
    assert.equal(
      isMirrored(all!, () => 0.999),
      true,
    );
    assert.equal(
      isMirrored(some!, () => 0.09),
      true,
    );
    assert.equal(
      isMirrored(some!, () => 0.1),
      false,
    );
    assert.match(
      refusal({}, { requestMirrorPolicies: [{ clusterHeader: 'x' }] }),
      /requestMirrorPolicies\[0\]\.clusterHeader/,
    );
  });

  test('is sent to a host with -shadow behind its name', () => {
    const [plain, kept, named] = mirrorsOf({
      requestMirrorPolicies: [
        { cluster: 'a' },
        { cluster: 'a', disableShadowHostSuffixAppend: true },
        { cluster: 'a', hostRewriteLiteral: 'copy' },
      ],
    })!;
    assert.equal(mirrorHost(plain!, 'reviews'), 'reviews-shadow');
    assert.equal(mirrorHost(plain!, 'reviews:9080'), 'reviews-shadow:9080');
    assert.equal(mirrorHost(kept!, 'reviews:9080'), 'reviews:9080');
    assert.equal(mirrorHost(named!, 'reviews'), 'copy');
  });
});
