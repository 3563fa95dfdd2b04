import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@weft/base/random';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { RouteConfiguration } from '@weft/xds-api/gen/envoy/config/route/v3';
import { compileCluster, compileRbac, compileRouteTable, isCompileError } from './compile.ts';
import { type Decision, decide } from './decide.ts';
import { noHeaderOperations } from './header-operations.ts';
import { defaultHttp2Settings } from './http2-settings.ts';
import type { HttpConnectionManagerConfig, RuntimeConfig } from './runtime-config.ts';

const ok = <T extends object>(result: T): Exclude<T, { resource: string }> => {
  assert.ok(!isCompileError(result), JSON.stringify(result));
  return result as Exclude<T, { resource: string }>;
};

const endpoint = (port: number, healthStatus: 'HEALTHY' | 'UNHEALTHY' = 'HEALTHY'): object => ({
  endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } },
  healthStatus,
});
const staticCluster = (name: string, ...lbEndpoints: object[]): Cluster => ({
  name,
  loadAssignment: { endpoints: [{ lbEndpoints }] },
});

const routes: RouteConfiguration = {
  name: 'http_proxy',
  virtualHosts: [
    {
      name: 'orders',
      domains: ['orders'],
      routes: [
        { name: 'old', match: { prefix: '/old' }, redirect: { pathRedirect: '/new' } },
        {
          name: 'teapot',
          match: { path: '/teapot' },
          directResponse: { status: 418, body: { inlineString: 'short and stout' } },
        },
        {
          name: 'gone',
          match: { prefix: '/gone' },
          route: { cluster: 'gone', clusterNotFoundResponseCode: 'INTERNAL_SERVER_ERROR' },
        },
        { name: 'sick', match: { prefix: '/sick' }, route: { cluster: 'sick' } },
        { name: 'api', match: { prefix: '/api/' }, route: { cluster: 'up', prefixRewrite: '/' } },
      ],
    },
  ],
};

const config: RuntimeConfig = {
  listeners: new Map(),
  clusters: new Map([
    ['up', ok(compileCluster(staticCluster('up', endpoint(1), endpoint(2, 'UNHEALTHY'))))],
    ['sick', ok(compileCluster(staticCluster('sick', endpoint(3, 'UNHEALTHY'))))],
  ]),
  routeTables: new Map([['http_proxy', ok(compileRouteTable(routes))]]),
};

const manager: HttpConnectionManagerConfig = {
  kind: 'http',
  statPrefix: '',
  routeConfigName: 'http_proxy',
  inlineRoutes: null,
  fault: null,
  cors: null,
  grpcWeb: false,
  authorizers: [
    ok(
      compileRbac({
        action: 'DENY',
        policies: {
          'ns[default]-policy[no-admin]-rule[0]': {
            permissions: [{ urlPath: { path: { prefix: '/admin' } } }],
            principals: [{ any: true }],
          },
        },
      }),
    ),
  ],
  forwardClientCert: 'sanitize',
  normalizePath: true,
  mergeSlashes: false,
  maxRequestHeadersBytes: 61_440,
  maxRequestHeaders: 100,
  codec: 'auto',
  http2: defaultHttp2Settings,
  streamIdleTimeoutMs: 0,
  connectionIdleTimeoutMs: 0,
  maxConnectionDurationMs: 0,
  requestTimeoutMs: 0,
  maxStreamDurationMs: 0,
  requestHeadersTimeoutMs: 0,
  serverName: '',
  upgrades: [],
  requestHeaderOps: noHeaderOperations,
  responseHeaderOps: noHeaderOperations,
  tracing: null,
  accessLog: [],
};

const decided = (path: string, authority = 'Orders', over: Partial<HttpConnectionManagerConfig> = {}): Decision =>
  decide(
    config,
    { ...manager, ...over },
    {
      method: 'GET',
      path,
      authority,
      scheme: 'http',
      headers: [],
      connection: {
        sourceAddress: '127.0.0.1',
        sourcePort: 1,
        destinationAddress: '127.0.0.1',
        destinationPort: 80,
        mtls: false,
        peerPrincipal: '',
        sni: '',
      },
    },
    seededRandom(1),
  );

const refused = (decision: Decision): unknown =>
  decision.outcome.kind === 'refuse' && [decision.outcome.error, decision.outcome.status];

test('a request goes on to a healthy endpoint, with every step told', () => {
  const { outcome, steps } = decided('/x/../api/a?b');
  assert.ok(outcome.kind === 'forward');
  assert.deepEqual(
    [outcome.route.name, outcome.cluster, outcome.endpoint.port, outcome.path],
    ['api', 'up', 1, '/a?b'],
  );
  assert.deepEqual(
    steps.map((step) => `${step.stage} ${step.subject}: ${step.outcome}`),
    [
      'normalize /x/../api/a?b: matched',
      'authorize deny ns[default]-policy[no-admin]-rule[0]: not-matched',
      'virtual-host orders: matched',
      'route old: not-matched',
      'route teapot: not-matched',
      'route gone: not-matched',
      'route sick: not-matched',
      'route api: matched',
      'cluster up: matched',
      'endpoint 127.0.0.1:1: matched',
    ],
  );
});

test('policies see the normalised path', () => {
  assert.deepEqual(refused(decided('/api/../%61dmin')), ['accessDenied', 403]);
  assert.deepEqual(refused(decided('/api/..\\admin')), ['accessDenied', 403]);
});

test('redirects and direct responses', () => {
  const redirect = decided('/old').outcome;
  assert.ok(redirect.kind === 'redirect');
  assert.equal(redirect.location, 'http://orders/new');
  const direct = decided('/teapot').outcome;
  assert.ok(direct.kind === 'direct');
  assert.deepEqual([direct.status, direct.body], [418, 'short and stout']);
});

test('every way to be refused has its error', () => {
  assert.deepEqual(refused(decided('/a%00')), ['badRequest', 400]);
  assert.deepEqual(refused(decided('/nowhere')), ['noRoute', 404]);
  assert.deepEqual(refused(decided('/api/', 'unknown')), ['noRoute', 404]);
  assert.deepEqual(refused(decided('/api/', 'orders', { routeConfigName: 'not-there' })), ['noRoute', 404]);
  assert.deepEqual(refused(decided('/gone')), ['clusterNotFound', 500]);
  assert.deepEqual(refused(decided('/sick')), ['noHealthyUpstream', 503]);
});

test('faults and copies of a route are told', () => {
  const table = ok(
    compileRouteTable({
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              route: { cluster: 'up', requestMirrorPolicies: [{ cluster: 'sick' }, { cluster: 'nobody' }] },
              typedPerFilterConfig: {
                faults: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
                  delay: { fixedDelay: '0.4s', percentage: { numerator: 10 } },
                  abort: { httpStatus: 503, percentage: { numerator: 5 } },
                },
              },
            },
          ],
        },
      ],
    }),
  );
  const { steps, outcome } = decided('/', 'orders', { inlineRoutes: table, fault: { name: 'faults', policy: null } });
  assert.equal(outcome.kind, 'forward');
  assert.deepEqual(
    steps
      .filter(({ stage }) => stage === 'fault' || stage === 'mirror')
      .map(({ subject, outcome: o, detail }) => `${subject} ${o} ${detail}`),
    [
      'faults matched delays 10 % by 400 ms, aborts 5 % with 503',
      'sick matched a copy of 100 %',
      'nobody failed a copy of 100 %',
    ],
  );
});
