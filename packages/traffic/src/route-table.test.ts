import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  HeaderMatcher,
  Route as RouteJson,
  RouteAction,
  RouteConfiguration,
  RouteMatch,
  VirtualHost,
} from '@weft/xds-api/gen/envoy/config/route/v3';
import { seededRandom } from '@weft/base/random';
import fc from 'fast-check';
import { compileRouteTable, isCompileError } from './compile.ts';
import { explainMatch } from './explain.ts';
import { emptyAccessRecord } from '@weft/telemetry/access-record';
import { applyHeaderOperations } from './header-operations.ts';
import type { RequestView } from './request.ts';
import { type ForwardAction, pickCluster, type Route, type RouteTable, rewritePath } from './route-table.ts';

const requestOf = (over: Partial<RequestView> = {}): RequestView => ({
  method: 'GET',
  path: '/',
  authority: 'a.com',
  scheme: 'http',
  headers: [],
  connection: {
    sourceAddress: '10.0.0.1',
    sourcePort: 1,
    destinationAddress: '10.0.0.2',
    destinationPort: 80,
    mtls: false,
    peerPrincipal: '',
    sni: '',
  },
  ...over,
});

const compiled = (json: RouteConfiguration): RouteTable => {
  const table = compileRouteTable(json);
  assert.ok(!isCompileError(table), JSON.stringify(table));
  return table;
};

const routes = (...list: RouteJson[]): RouteTable =>
  compiled({ virtualHosts: [{ name: 'v', domains: ['*'], routes: list }] });

const to = (cluster: string, match: RouteMatch, route: RouteAction = {}): RouteJson => ({
  name: cluster,
  match,
  route: { cluster, ...route },
});

const endingConnect: RouteAction = { upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }] };

const matches = (match: RouteMatch, over: Partial<RequestView>): boolean =>
  routes(to('c', match, match.connectMatcher ? endingConnect : {})).match(requestOf(over)) !== null;

const action = (json: RouteJson, over: Partial<RequestView> = {}): Route['action'] => {
  const route = routes(json).match(requestOf(over));
  assert.ok(route);
  return route.action;
};

const forward = (route: RouteAction, match: RouteMatch = { prefix: '/' }): ForwardAction => {
  const result = action(to('c', match, route), { path: match.path ?? match.prefix ?? '/' });
  assert.ok(result.kind === 'forward');
  return result;
};

const forwardOf = (table: RouteTable, path: string): ForwardAction => {
  const result = table.match(requestOf({ path }))?.action;
  assert.ok(result?.kind === 'forward');
  return result;
};

const refusal = (json: RouteConfiguration): string => {
  const result = compileRouteTable(json);
  assert.ok(isCompileError(result), 'it compiled');
  return result.message;
};

const refusedRoute = (route: RouteJson, host: VirtualHost = {}): string =>
  refusal({ virtualHosts: [{ name: 'v', domains: ['*'], ...host, routes: [route] }] });

test('the first route that matches is taken', () => {
  const table = routes(to('one', { prefix: '/a' }), to('two', { prefix: '/a' }), to('three', { prefix: '/' }));
  assert.equal(table.match(requestOf({ path: '/ab' }))?.name, 'one');
  assert.equal(table.match(requestOf({ path: '/b' }))?.name, 'three');
});

test('only one virtual host is tried', () => {
  const table = compiled({
    virtualHosts: [
      { name: 'a', domains: ['a.com'], routes: [to('x', { path: '/x' })] },
      { name: 'any', domains: ['*'], routes: [to('y', { prefix: '/' })] },
    ],
  });
  assert.equal(table.match(requestOf({ path: '/y' })), null);
  assert.equal(table.match(requestOf({ path: '/y', authority: 'b.com' }))?.virtualHost.name, 'any');
});

test('paths: prefix, exact, separated prefix, regex, without the query', () => {
  assert.equal(matches({ prefix: '/a' }, { path: '/ab?c' }), true);
  assert.equal(matches({ prefix: '/a?' }, { path: '/a?b' }), false);
  assert.equal(matches({ path: '/a' }, { path: '/a?b' }), true);
  assert.equal(matches({ path: '/a' }, { path: '/ab' }), false);
  assert.equal(matches({ pathSeparatedPrefix: '/a' }, { path: '/a' }), true);
  assert.equal(matches({ pathSeparatedPrefix: '/a' }, { path: '/a/b' }), true);
  assert.equal(matches({ pathSeparatedPrefix: '/a' }, { path: '/ab' }), false);
  assert.equal(matches({ safeRegex: { regex: '/[ab]' } }, { path: '/b?x' }), true);
  assert.equal(matches({ safeRegex: { regex: '/[ab]' } }, { path: '/bc' }), false);
});

test('case is ignored where that is said', () => {
  assert.equal(matches({ prefix: '/Ab', caseSensitive: false }, { path: '/aBc' }), true);
  assert.equal(matches({ path: '/Ab', caseSensitive: false }, { path: '/aB' }), true);
  assert.equal(matches({ prefix: '/Ab' }, { path: '/abc' }), false);
});

test('CONNECT is matched by a connect matcher alone', () => {
  const connect = { method: 'CONNECT', path: 'db:5432', authority: 'db:5432' };
  assert.equal(matches({ connectMatcher: {} }, connect), true);
  assert.equal(matches({ connectMatcher: {} }, {}), false);
  assert.equal(matches({ prefix: '' }, connect), false);
  assert.equal(matches({ safeRegex: { regex: '.*' } }, connect), false);
});

test('headers: every kind of match, and inversion', () => {
  const header = (matcher: HeaderMatcher, ...headers: string[]): boolean =>
    matches({ prefix: '/', headers: [{ name: 'X', ...matcher }] }, { headers });
  assert.equal(header({ stringMatch: { exact: 'a' } }, 'x', 'a'), true);
  assert.equal(header({ stringMatch: { exact: 'a' } }, 'x', 'b', 'x', 'a'), true);
  assert.equal(header({ stringMatch: { exact: 'a,b' } }, 'x', 'a', 'x', 'b'), true);
  assert.equal(header({ exactMatch: 'a' }, 'x', 'a'), true);
  assert.equal(header({ prefixMatch: 'a' }, 'x', 'ab'), true);
  assert.equal(header({ suffixMatch: 'b' }, 'x', 'ab'), true);
  assert.equal(header({ containsMatch: 'b' }, 'x', 'abc'), true);
  assert.equal(header({ safeRegexMatch: { regex: 'a+' } }, 'x', 'aab'), false);
  assert.equal(header({}, 'x', ''), true);
  assert.equal(header({ presentMatch: true }), false);
  assert.equal(header({ presentMatch: true, invertMatch: true }), true);
  assert.equal(header({ presentMatch: false }, 'x', 'a'), false);
  assert.equal(header({ rangeMatch: { start: -10, end: '0' } }, 'x', '-1'), true);
  assert.equal(header({ rangeMatch: { start: -10, end: 0 } }, 'x', '0'), false);
  assert.equal(header({ rangeMatch: { start: 0, end: 10 } }, 'x', '5a'), false);
  assert.equal(header({ rangeMatch: { start: 0, end: 10 }, invertMatch: true }), false);
});

test('query parameters: first value, presence, nothing decoded', () => {
  const query = (path: string, matcher = {}): boolean =>
    matches({ prefix: '/', queryParameters: [{ name: 'k', ...matcher }] }, { path });
  assert.equal(query('/?k=1&k=2', { stringMatch: { exact: '1' } }), true);
  assert.equal(query('/?kk=1&k=2', { stringMatch: { exact: '2' } }), true);
  assert.equal(query('/?a&k'), true);
  assert.equal(query('/?k=', { stringMatch: { exact: '' } }), true);
  assert.equal(query('/?k=%41', { stringMatch: { exact: 'A' } }), false);
  assert.equal(query('/?a', { presentMatch: false }), true);
  assert.equal(query('/k'), false);
});

test('a gRPC route takes gRPC requests', () => {
  const grpc = (type: string): boolean => matches({ prefix: '/', grpc: {} }, { headers: ['content-type', type] });
  assert.deepEqual(['application/grpc', 'application/grpc+proto', 'application/grpc-web', 'text/plain'].map(grpc), [
    true,
    true,
    false,
    false,
  ]);
});

test('a runtime fraction takes its share, the same for the same request id', () => {
  const table = routes(
    to('some', { prefix: '/', runtimeFraction: { defaultValue: { numerator: 25, denominator: 'HUNDRED' } } }),
    to('rest', { prefix: '/' }),
  );
  let some = 0;
  for (let i = 0; i < 4000; i++) {
    const request = requestOf({ headers: ['x-request-id', `id-${i}`] });
    const name = table.match(request)?.name;
    assert.equal(table.match(request)?.name, name);
    if (name === 'some') some++;
  }
  assert.ok(Math.abs(some - 1000) < 150, String(some));
  const fraction = (numerator: number): boolean =>
    matches({ prefix: '/', runtimeFraction: { defaultValue: { numerator } } }, {});
  assert.equal(fraction(0), false);
  assert.equal(fraction(100), true);
});

test('clusters are picked by weight, and none of weight 0', () => {
  const { clusters } = forward({
    cluster: undefined,
    weightedClusters: {
      clusters: [
        { name: 'a', weight: 90 },
        { name: 'z', weight: 0 },
        { name: 'b', weight: 10 },
      ],
    },
  });
  const random = seededRandom(7);
  const counts: Record<string, number> = {};
  for (let i = 0; i < 10_000; i++) {
    const name = pickCluster(clusters, random)?.name ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  assert.deepEqual(Object.keys(counts).sort(), ['a', 'b']);
  assert.ok(Math.abs((counts.b ?? 0) - 1000) < 100, JSON.stringify(counts));
});

test('a weighted cluster brings its own host and headers', () => {
  const { clusters } = forward({
    cluster: undefined,
    weightedClusters: {
      clusters: [
        {
          name: 'a',
          weight: 1,
          hostRewriteLiteral: 'a.internal',
          requestHeadersToAdd: [{ header: { key: 'X-A', value: '1' } }],
        },
        { name: 'b', weight: 1 },
      ],
    },
  });
  assert.deepEqual(
    clusters.entries.map(({ hostRewrite, requestHeaders }) => [hostRewrite, requestHeaders.add]),
    [
      ['a.internal', ['x-a', '1']],
      ['', []],
    ],
  );
});

test('times and retries have Envoy’s defaults', () => {
  assert.equal(forward({}).timeoutMs, 15_000);
  assert.equal(forward({ timeout: '0s' }).timeoutMs, 0);
  assert.equal(forward({ timeout: '1.25s' }).timeoutMs, 1250);
  assert.equal(forward({}).retry, null);
  assert.deepEqual(forward({ retryPolicy: { retryOn: '5xx, unavailable,cancelled,nonsense' } }).retry, {
    numRetries: 1,
    perTryTimeoutMs: 0,
    perTryIdleTimeoutMs: 0,
    on: {
      serverError5xx: true,
      gatewayError: false,
      reset: false,
      resetBeforeRequest: false,
      connectFailure: false,
      refusedStream: false,
      retriable4xx: false,
      retriableStatusCodes: false,
      retriableHeaders: false,
      envoyRateLimited: false,
      grpcStatuses: [14, 1],
    },
    retriableStatusCodes: [],
    retriableHeaders: [],
    retriableRequestHeaders: [],
    backoffBaseMs: 25,
    backoffMaxMs: 250,
    rateLimitedBackoff: null,
    hostSelectionAttempts: 0,
  });
});

test('a route’s retry policy replaces the virtual host’s', () => {
  const table = compiled({
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        retryPolicy: { retryOn: 'reset', numRetries: 5 },
        routes: [
          to('own', { prefix: '/own' }, { retryPolicy: { retryOn: 'reset', numRetries: 2 } }),
          to('inherited', { prefix: '/' }),
          to('x', { prefix: '/' }),
        ],
      },
    ],
  });
  const retries = (path: string): number | undefined => forwardOf(table, path).retry?.numRetries;
  assert.deepEqual([retries('/own'), retries('/')], [2, 5]);
});

test('a retry policy listens to headers of requests and responses, and waits as the upstream says', () => {
  const policy = forward({
    retryPolicy: {
      retryOn: 'retriable-headers,envoy-ratelimited',
      perTryIdleTimeout: '0.5s',
      retriableHeaders: [{ name: 'X-Retry', presentMatch: true }],
      retriableRequestHeaders: [{ name: ':method', stringMatch: { exact: 'GET' } }],
      rateLimitedRetryBackOff: {
        resetHeaders: [{ name: 'Retry-After' }, { name: 'x-ratelimit-reset', format: 'UNIX_TIMESTAMP' }],
      },
    },
  }).retry;
  assert.equal(policy?.perTryIdleTimeoutMs, 500);
  assert.equal(policy.on.retriableHeaders, true);
  assert.equal(policy.on.envoyRateLimited, true);
  assert.deepEqual(policy.retriableHeaders.map(String), ['header x-retry present']);
  assert.equal(policy.retriableRequestHeaders.length, 1);
  assert.deepEqual(policy.rateLimitedBackoff, {
    headers: [
      { name: 'retry-after', format: 'seconds' },
      { name: 'x-ratelimit-reset', format: 'unix_timestamp' },
    ],
    maxMs: 300_000,
  });
});

test('host selection is retried only with the previous_hosts predicate', () => {
  const attempts = (retryPolicy: RouteAction['retryPolicy']): number | undefined =>
    forward({ retryPolicy }).retry?.hostSelectionAttempts;
  const previousHosts = { name: 'envoy.retry_host_predicates.previous_hosts' };
  assert.equal(attempts({ hostSelectionRetryMaxAttempts: '5' }), 0);
  assert.equal(attempts({ hostSelectionRetryMaxAttempts: '5', retryHostPredicate: [previousHosts] }), 5);
  assert.equal(attempts({ retryHostPredicate: [previousHosts] }), 1);
});

test('paths are rewritten by prefix, as a whole, and by regex; the query stays', () => {
  assert.equal(rewritePath(forward({ prefixRewrite: '/b' }, { prefix: '/a' }), '/a/x?y=/a'), '/b/x?y=/a');
  assert.equal(rewritePath(forward({ prefixRewrite: '/b' }, { path: '/a' }), '/a?y'), '/b?y');
  assert.equal(rewritePath(forward({ prefixRewrite: '/b' }, { safeRegex: { regex: '/.*' } }), '/a/c?y'), '/b?y');
  const regex = forward({ regexRewrite: { pattern: { regex: '^/v(\\d)/' }, substitution: '/\\1/' } });
  assert.equal(rewritePath(regex, '/v1/x?/v2/'), '/1/x?/v2/');
  const path = '/same?x';
  assert.equal(rewritePath(forward({}), path), path);
});

test('redirects: every part of the location', () => {
  const location = (
    redirect: RouteJson['redirect'],
    over: Partial<RequestView> = {},
    match: RouteMatch = { prefix: '/a' },
  ): string => {
    const result = action({ match, redirect }, { path: '/a/b?c=d', ...over });
    assert.equal(result.kind, 'redirect');
    return result.kind === 'redirect' ? result.location(requestOf({ path: '/a/b?c=d', ...over })) : '';
  };
  assert.equal(location({}), 'http://a.com/a/b?c=d');
  assert.equal(location({ httpsRedirect: true }), 'https://a.com/a/b?c=d');
  assert.equal(location({ httpsRedirect: true }, { authority: 'a.com:80' }), 'https://a.com/a/b?c=d');
  assert.equal(location({ httpsRedirect: true }, { authority: 'a.com:8080' }), 'https://a.com:8080/a/b?c=d');
  assert.equal(location({ hostRedirect: 'b.com', portRedirect: 81 }), 'http://b.com:81/a/b?c=d');
  assert.equal(location({ portRedirect: 81 }, { authority: '[::1]:80' }), 'http://[::1]:81/a/b?c=d');
  assert.equal(location({ pathRedirect: '/x' }), 'http://a.com/x?c=d');
  assert.equal(location({ pathRedirect: '/x?y' }), 'http://a.com/x?y');
  assert.equal(location({ pathRedirect: '/x', stripQuery: true }), 'http://a.com/x');
  assert.equal(location({ prefixRewrite: '/x' }), 'http://a.com/x/b?c=d');
  assert.equal(location({ regexRewrite: { pattern: { regex: 'b' }, substitution: 'z' } }), 'http://a.com/a/z?c=d');
  const status = (responseCode?: 'FOUND' | 'PERMANENT_REDIRECT'): number =>
    (action({ match: { prefix: '/' }, redirect: { responseCode } }) as { status: number }).status;
  assert.deepEqual([status(), status('FOUND'), status('PERMANENT_REDIRECT')], [301, 302, 308]);
});

test('direct responses', () => {
  const direct = (body?: { inlineString?: string; inlineBytes?: string }): Route['action'] =>
    action({ match: { prefix: '/' }, directResponse: { status: 502, body } });
  assert.deepEqual(direct(), { kind: 'direct', status: 502, body: '' });
  assert.deepEqual(direct({ inlineString: 'x' }), { kind: 'direct', status: 502, body: 'x' });
  assert.deepEqual(direct({ inlineBytes: 'w6k=' }), { kind: 'direct', status: 502, body: 'é' });
});

test('requireTls sends plain HTTP to HTTPS before any route', () => {
  const table = (requireTls: 'ALL' | 'EXTERNAL_ONLY'): RouteTable =>
    compiled({ virtualHosts: [{ name: 'v', domains: ['*'], requireTls, routes: [to('c', { prefix: '/' })] }] });
  const kind = (t: RouteTable, over: Partial<RequestView>): string | undefined => t.match(requestOf(over))?.action.kind;
  assert.equal(kind(table('ALL'), {}), 'redirect');
  assert.equal(kind(table('ALL'), { scheme: 'https' }), 'forward');
  assert.equal(kind(table('EXTERNAL_ONLY'), { headers: ['x-envoy-internal', 'true'] }), 'forward');
  assert.equal(kind(table('EXTERNAL_ONLY'), {}), 'redirect');
});

test('header operations of route, virtual host and table are merged in Envoy’s order', () => {
  const set = (value: string): NonNullable<RouteJson['requestHeadersToAdd']> => [
    { header: { key: 'x', value }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
  ];
  const seen = (mostSpecificHeaderMutationsWins: boolean): string[] => {
    const table = compiled({
      mostSpecificHeaderMutationsWins,
      requestHeadersToAdd: set('table'),
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          requestHeadersToAdd: set('host'),
          routes: [{ ...to('c', { prefix: '/' }), requestHeadersToAdd: set('route') }],
        },
      ],
    });
    const headers: string[] = [];
    const route = table.match(requestOf());
    assert.ok(route);
    applyHeaderOperations(route.requestHeaders, headers, { accessRecord: emptyAccessRecord });
    return headers;
  };
  assert.deepEqual(seen(false), ['x', 'table']);
  assert.deepEqual(seen(true), ['x', 'route']);
});

test('routes know the object they come from', () => {
  const route: RouteJson = {
    ...to('c', { prefix: '/' }),
    metadata: { filterMetadata: { weft: { kind: 'VirtualService', namespace: 'default', name: 'reviews', rule: 0 } } },
  };
  assert.equal(routes(route).match(requestOf())?.origin, 'VirtualService/default/reviews/0');
});

test('upgrades of a route: allowed, refused, or left to the connection manager', () => {
  const { upgrades, refusedUpgrades } = forward({
    upgradeConfigs: [{ upgradeType: 'WebSocket' }, { upgradeType: 'CONNECT', enabled: false }],
  });
  assert.deepEqual([upgrades, refusedUpgrades], [['websocket'], ['connect']]);
});

test('what would send traffic elsewhere and is not understood is refused with its path', () => {
  const prefix: RouteMatch = { prefix: '/' };
  const cases: [string, RegExp][] = [
    [
      refusedRoute({ match: prefix, route: { clusterHeader: 'x' } }),
      /^virtualHosts\[0\]\.routes\[0\]\.route\.clusterHeader: is not supported/,
    ],
    [
      refusedRoute({ match: prefix, route: { cluster: 'c', requestMirrorPolicies: [{ clusterHeader: 'm' }] } }),
      /requestMirrorPolicies\[0\]\.clusterHeader/,
    ],
    [refusedRoute({ match: prefix }), /has no action/],
    [refusedRoute({ match: {}, route: { cluster: 'c' } }), /match: says nothing about the path/],
    [refusedRoute({ match: { ...prefix, cookies: [{ name: 'c' }] }, route: { cluster: 'c' } }), /match\.cookies/],
    [refusedRoute({ match: { safeRegex: { regex: '(' } }, route: { cluster: 'c' } }), /safeRegex\.regex/],
    [
      refusedRoute({ match: prefix, route: { weightedClusters: { clusters: [{ name: 'a', weight: 0 }] } } }),
      /add up to 0/,
    ],
    [refusedRoute({ match: prefix, route: { cluster: 'c', timeout: '1m' } }), /route\.timeout: "1m" is not a duration/],
    [
      refusedRoute({ match: prefix, route: { cluster: 'c' }, typedPerFilterConfig: { x: { '@type': 'y' } } }),
      /typedPerFilterConfig\["x"\]\.@type: y is not supported/,
    ],
    [refusedRoute({ match: prefix, directResponse: { status: 99 } }), /directResponse\.status/],
    [refusedRoute(to('c', prefix), { domains: ['a', 'A'] }), /domains\[1\]: "A" stands in the table twice/],
    [refusedRoute(to('c', { connectMatcher: {} })), /route\.upgradeConfigs: a connect matcher needs/],
    [refusal({ vhds: {} }), /^vhds/],
  ];
  for (const [message, pattern] of cases) assert.match(message, pattern);
});

test('a compiled table keeps nothing of the JSON', () => {
  const json: RouteConfiguration = {
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          to(
            'c',
            { prefix: '/' },
            { retryPolicy: { retryOn: 'retriable-status-codes', retriableStatusCodes: [418] }, upgradeConfigs: [] },
          ),
        ],
      },
    ],
  };
  const table = compiled(json);
  json.virtualHosts?.[0]?.routes?.[0]?.route?.retryPolicy?.retriableStatusCodes?.push(500);
  assert.deepEqual(forwardOf(table, '/').retry?.retriableStatusCodes, [418]);
});

// ─── against a naive reference ───

const segment = fc.constantFrom('', 'a', 'b', 'ab', 'A');
const pathText = fc.array(segment, { maxLength: 3 }).map((s) => `/${s.join('/')}`);
const headerCase = fc.record({
  name: fc.constantFrom('x', 'y'),
  kind: fc.constantFrom('exact', 'present', 'absent', 'not'),
  value: fc.constantFrom('1', '2'),
});
const routeCase = fc.record({
  kind: fc.constantFrom('prefix', 'path', 'pathSeparatedPrefix', 'safeRegex'),
  value: pathText,
  ignoreCase: fc.boolean(),
  headers: fc.array(headerCase, { maxLength: 2 }),
  method: fc.constantFrom('', '', 'POST'),
});
type RouteCase = typeof routeCase extends fc.Arbitrary<infer T> ? T : never;

const toJson = (r: RouteCase, index: number): RouteJson => ({
  name: `r${index}`,
  route: { cluster: 'c' },
  match: {
    ...(r.kind === 'safeRegex'
      ? { safeRegex: { regex: `${r.value}.?` } }
      : { [r.kind]: r.kind === 'pathSeparatedPrefix' ? separated(r.value) : r.value }),
    caseSensitive: !r.ignoreCase,
    headers: [
      ...r.headers.map((h): HeaderMatcher => {
        if (h.kind === 'present' || h.kind === 'absent') return { name: h.name, presentMatch: h.kind === 'present' };
        return { name: h.name, stringMatch: { exact: h.value }, invertMatch: h.kind === 'not' };
      }),
      ...(r.method ? [{ name: ':method', stringMatch: { exact: r.method } }] : []),
    ],
  },
});

const separated = (value: string): string => `/s${value}`.replace(/\/+$/, '');

const referenceMatches = (r: RouteCase, request: RequestView): boolean => {
  const path = request.path.split('?')[0] as string;
  const fold = (text: string): string => (r.ignoreCase && r.kind !== 'safeRegex' ? text.toLowerCase() : text);
  const [got, want] = [fold(path), fold(r.value)];
  const s = fold(separated(r.value));
  const byPath = {
    prefix: got.startsWith(want),
    path: got === want,
    pathSeparatedPrefix: got === s || got.startsWith(`${s}/`),
    safeRegex: new RegExp(`^${want}.?$`).test(got),
  }[r.kind as 'prefix'];
  const byHeaders = r.headers.every((h) => {
    const values = request.headers.filter((_, i) => i % 2 === 1 && request.headers[i - 1] === h.name);
    if (h.kind === 'present') return values.length > 0;
    if (h.kind === 'absent') return values.length === 0;
    return values.length > 0 && [values.join(','), ...values].includes(h.value) === (h.kind === 'exact');
  });
  return byPath && byHeaders && (r.method === '' || r.method === request.method);
};

test('match and its explanation agree with a naive walk', () => {
  const requests = fc.record({
    path: fc.tuple(fc.constantFrom('', '/s'), pathText, fc.constantFrom('', '?q=/a')).map((p) => p.join('')),
    headers: fc
      .array(fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.constantFrom('1', '2')), { maxLength: 3 })
      .map((h) => h.flat()),
    method: fc.constantFrom('GET', 'POST'),
  });
  fc.assert(
    fc.property(fc.array(routeCase, { maxLength: 6 }), requests, (cases, over) => {
      const table = routes(...cases.map(toJson));
      const request = requestOf(over);
      const index = cases.findIndex((r) => referenceMatches(r, request));
      const found = table.match(request);
      assert.equal(found?.name, index === -1 ? undefined : `r${index}`);

      const steps = explainMatch(table, request).filter((step) => step.stage === 'route');
      assert.equal(steps.length, index === -1 ? cases.length : index + 1);
      assert.deepEqual(
        steps.map((step) => step.outcome === 'matched'),
        steps.map((_, i) => i === index),
      );
    }),
    { numRuns: 1500 },
  );
});
