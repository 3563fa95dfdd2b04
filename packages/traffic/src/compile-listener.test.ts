import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterChain, Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { HttpConnectionManager } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { Any } from '@weft/xds-api/well-known';
import { compileListener, isCompileError } from './compile.ts';
import { findFilterChain } from './filter-chain-match.ts';
import type { HttpConnectionManagerConfig, ListenerConfig } from './runtime-config.ts';
import { StringMatcher } from './string-matcher.ts';
import { SubjectAltName } from './tls-config.ts';

const any = (type: string, message: object = {}): Any => ({ '@type': `type.googleapis.com/${type}`, ...message });

const filters = 'envoy.extensions.filters';
const router = { name: 'envoy.filters.http.router', typedConfig: any(`${filters}.http.router.v3.Router`) };
const ads = { ads: {}, resourceApiVersion: 'V3' as const };

const hcm = (over: HttpConnectionManager = {}): FilterChain['filters'] => [
  {
    name: 'http',
    typedConfig: any(`${filters}.network.http_connection_manager.v3.HttpConnectionManager`, {
      statPrefix: 'inbound_0.0.0.0_8080',
      rds: { configSource: ads, routeConfigName: 'http_proxy' },
      httpFilters: [router],
      ...over,
    }),
  },
];
const tcp = (config: object = { cluster: 'inbound|8080||' }): FilterChain['filters'] => [
  { name: 'tcp', typedConfig: any(`${filters}.network.tcp_proxy.v3.TcpProxy`, config) },
];
const mtls = (over: object = {}): FilterChain['transportSocket'] => ({
  name: 'tls',
  typedConfig: any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    requireClientCertificate: true,
    commonTlsContext: {
      alpnProtocols: ['istio'],
      tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: {} }],
      combinedValidationContext: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: [{ sanType: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }],
        },
        validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig: {} },
      },
      ...over,
    },
  }),
});
const inspector = { name: 'tls', typedConfig: any(`${filters}.listener.tls_inspector.v3.TlsInspector`) };

const permissive: Listener = {
  name: '127.1.2.3_8080',
  address: { socketAddress: { address: '127.1.2.3', portValue: 8080 } },
  trafficDirection: 'INBOUND',
  listenerFilters: [inspector],
  listenerFiltersTimeout: '5s',
  continueOnListenerFiltersTimeout: true,
  filterChains: [
    { name: 'plain', filterChainMatch: { transportProtocol: 'raw_buffer' }, filters: hcm() },
    { name: 'passthrough', filterChainMatch: { transportProtocol: 'tls' }, filters: tcp() },
    {
      name: 'mtls',
      filterChainMatch: { transportProtocol: 'tls', applicationProtocols: ['istio', 'istio-http/1.1'] },
      transportSocket: mtls(),
      filters: hcm({
        forwardClientCertDetails: 'SANITIZE_SET',
        setCurrentClientCertDetails: { uri: true, subject: true },
        normalizePath: true,
      }),
    },
  ],
};

const compiled = (json: Listener): ListenerConfig => {
  const result = compileListener(json);
  assert.ok(!isCompileError(result), JSON.stringify(result));
  return result;
};
const refusal = (json: Listener): string => {
  const result = compileListener(json);
  assert.ok(isCompileError(result), 'it compiled');
  return result.message;
};
const withChain = (chain: FilterChain): Listener => ({ ...permissive, filterChains: [chain] });
const manager = (over: HttpConnectionManager): HttpConnectionManagerConfig => {
  const { network } = compiled(withChain({ filters: hcm(over) })).filterChains[0] ?? {};
  assert.ok(network?.kind === 'http');
  return network;
};

test('a permissive inbound listener has all it needs', () => {
  const listener = compiled(permissive);
  assert.equal(listener.name, '127.1.2.3_8080');
  assert.equal(listener.address, '127.1.2.3');
  assert.equal(listener.port, 8080);
  assert.equal(listener.direction, 'inbound');
  assert.equal(listener.inspectTls, true);
  assert.equal(listener.inspectorTimeoutMs, 5000);
  assert.equal(listener.continueOnInspectorTimeout, true);
  assert.deepEqual(
    listener.filterChains.map((chain) => chain.name),
    ['mtls', 'plain', 'passthrough'],
  );
  assert.deepEqual(listener.filterChains[0]?.tls, {
    certificates: [{ kind: 'secret', name: 'default' }],
    roots: { kind: 'secret', name: 'ROOTCA' },
    crl: null,
    requireClientCertificate: true,
    peerSans: [new SubjectAltName('uri', new StringMatcher('prefix', 'spiffe://cluster.local/', false, null))],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    groups: [],
    alpn: ['istio'],
    sni: '',
  });
  assert.equal(listener.filterChains[1]?.tls, null);
});

test('a connection gets the chain that Envoy would give it', () => {
  const listener = compiled(permissive);
  const chain = (transport: 'tls' | 'raw_buffer', ...alpn: string[]): string | undefined =>
    findFilterChain(listener, '10.1.0.1', transport, '', alpn)?.name;
  assert.equal(chain('raw_buffer'), 'plain');
  assert.equal(chain('tls', 'istio'), 'mtls');
  assert.equal(chain('tls', 'h2', 'istio-http/1.1'), 'mtls');
  assert.equal(chain('tls', 'h2'), 'passthrough');
  assert.equal(chain('tls'), 'passthrough');
});

test('STRICT has no chain for what is not mutual TLS of the mesh', () => {
  const strict = compiled({ ...permissive, filterChains: permissive.filterChains?.slice(2) });
  assert.equal(findFilterChain(strict, '10.1.0.1', 'raw_buffer', '', []), null);
  assert.equal(findFilterChain(strict, '10.1.0.1', 'tls', '', ['h2']), null);
  assert.equal(findFilterChain(strict, '10.1.0.1', 'tls', '', ['istio'])?.name, 'mtls');
});

test('server names: exact before wildcard before none, and a choice is not taken back', () => {
  const named = (name: string, serverNames: string[], transportProtocol = ''): FilterChain => ({
    name,
    filterChainMatch: { serverNames, transportProtocol },
    filters: tcp(),
  });
  const listener = compiled({
    ...permissive,
    filterChains: [
      named('any', []),
      named('wild', ['*.a.com']),
      named('wilder', ['*.b.a.com']),
      named('exact', ['X.a.com'], 'raw_buffer'),
    ],
    defaultFilterChain: { name: 'default', filters: tcp() },
  });
  const chain = (name: string): string | undefined => findFilterChain(listener, '10.1.0.1', 'tls', name, [])?.name;
  assert.equal(chain('y.a.com'), 'wild');
  assert.equal(chain('y.b.a.com'), 'wilder');
  assert.equal(chain('a.com'), 'any');
  assert.equal(chain(''), 'any');
  assert.equal(chain('x.a.com'), 'default');
});

test('a chain for another port never matches', () => {
  const listener = compiled({
    ...permissive,
    filterChains: [
      { name: 'here', filterChainMatch: { destinationPort: 8080 }, filters: tcp() },
      { name: 'elsewhere', filterChainMatch: { destinationPort: 9 }, filters: tcp() },
    ],
  });
  assert.deepEqual(
    listener.filterChains.map((chain) => chain.name),
    ['here'],
  );
});

test('a connection manager has Envoy’s defaults, and 30 s for a head', () => {
  const config = manager({});
  assert.equal(config.routeConfigName, 'http_proxy');
  assert.equal(config.forwardClientCert, 'sanitize');
  assert.equal(config.normalizePath, false);
  assert.equal(config.maxRequestHeadersBytes, 60 * 1024);
  assert.equal(config.maxRequestHeaders, 100);
  assert.equal(config.streamIdleTimeoutMs, 300_000);
  assert.equal(config.connectionIdleTimeoutMs, 3_600_000);
  assert.equal(config.maxConnectionDurationMs, 0);
  assert.equal(config.requestTimeoutMs, 0);
  assert.equal(config.requestHeadersTimeoutMs, 30_000);
  assert.equal(manager({ requestHeadersTimeout: '0s' }).requestHeadersTimeoutMs, 0);
  assert.deepEqual(config.upgrades, []);
});

test('a connection manager takes what it is told', () => {
  const config = manager({
    rds: undefined,
    routeConfig: {
      name: 'inbound|8080||',
      virtualHosts: [
        {
          name: 'inbound|http|8080',
          domains: ['*'],
          routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster: 'inbound|8080||', timeout: '0s' } }],
        },
      ],
    },
    upgradeConfigs: [{ upgradeType: 'CONNECT' }, { upgradeType: 'websocket' }, { upgradeType: 'h2c', enabled: false }],
    streamIdleTimeout: '0s',
    requestTimeout: '30s',
    maxRequestHeadersKb: 8,
    commonHttpProtocolOptions: { idleTimeout: '60s', maxHeadersCount: 50 },
    serverHeaderTransformation: 'PASS_THROUGH',
    mergeSlashes: true,
    accessLog: [
      {
        name: 'file',
        typedConfig: any('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
          path: '/dev/stdout',
          logFormat: { textFormatSource: { inlineString: '%PROTOCOL%\n' } },
        }),
      },
      { name: 'stdout', typedConfig: any('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog') },
    ],
  });
  assert.equal(config.inlineRoutes?.name, 'inbound|8080||');
  assert.deepEqual(config.upgrades, ['connect', 'websocket']);
  assert.deepEqual(
    [
      config.streamIdleTimeoutMs,
      config.requestTimeoutMs,
      config.maxRequestHeadersBytes,
      config.connectionIdleTimeoutMs,
      config.maxRequestHeaders,
    ],
    [0, 30_000, 8192, 60_000, 50],
  );
  assert.deepEqual(config.accessLog, [
    { path: '/dev/stdout', format: { encoding: 'TEXT', text: '%PROTOCOL%\n' } },
    { path: '/dev/stdout', format: null },
  ]);
});

test('tracing: to Zipkin or by OTLP over HTTP, with tags; what cannot be done is refused', () => {
  const zipkin = {
    collectorCluster: 'zipkin',
    collectorEndpoint: '/api/v2/spans',
    collectorEndpointVersion: 'HTTP_JSON',
    traceId128bit: true,
    sharedSpanContext: false,
  };
  const compiled = (type: string, provider: object, more: object = {}) =>
    manager({
      tracing: {
        provider: { name: 'tracer', typedConfig: any(`envoy.config.trace.v3.${type}`, provider) },
        ...more,
      },
    }).tracing;
  assert.deepEqual(
    compiled('ZipkinConfig', zipkin, {
      randomSampling: { value: 50 },
      overallSampling: { value: 10 },
      customTags: [
        { tag: 'a', literal: { value: 'b' } },
        { tag: 'user', requestHeader: { name: 'X-User', defaultValue: 'none' } },
      ],
    }),
    {
      provider: {
        kind: 'zipkin',
        cluster: 'zipkin',
        authority: 'zipkin',
        path: '/api/v2/spans',
        timeoutMs: 5000,
        serviceName: '',
      },
      samplingPercent: 10,
      maxPathTagLength: 256,
      customTags: [
        { tag: 'a', header: '', value: 'b' },
        { tag: 'user', header: 'x-user', value: 'none' },
      ],
    },
  );
  const httpUri = { uri: 'http://otel:4318/v1/traces', cluster: 'otel', timeout: '2s' };
  assert.deepEqual(compiled('OpenTelemetryConfig', { serviceName: 'a.b', httpService: { httpUri } })?.provider, {
    kind: 'opentelemetry',
    cluster: 'otel',
    authority: 'otel:4318',
    path: '/v1/traces',
    timeoutMs: 2000,
    serviceName: 'a.b',
  });
  assert.throws(() => compiled('OpenTelemetryConfig', { grpcService: {} }), /grpcService/);
  assert.throws(() => compiled('ZipkinConfig', { ...zipkin, sharedSpanContext: true }), /sharedSpanContext/);
  assert.throws(() => compiled('DatadogConfig', {}), /DatadogConfig is not supported/);
  assert.throws(() => compiled('ZipkinConfig', zipkin, { spawnUpstreamSpan: true }), /spawnUpstreamSpan/);
});

const rbac = (rules: object | undefined): HttpConnectionManager['httpFilters'] => [
  { name: 'rbac', typedConfig: any(`${filters}.http.rbac.v3.RBAC`, { rules }) },
];
const mutation = (
  requestMutations: object[],
  responseMutations: object[] = [],
): NonNullable<HttpConnectionManager['httpFilters']> => [
  {
    name: 'm',
    typedConfig: any(`${filters}.http.header_mutation.v3.HeaderMutation`, {
      mutations: { requestMutations, responseMutations },
    }),
  },
];

test('http filters become authorizers and header operations', () => {
  const config = manager({
    httpFilters: [
      ...(rbac({ action: 'DENY' }) ?? []),
      ...(rbac(undefined) ?? []),
      ...(rbac({}) ?? []),
      ...mutation(
        [
          { remove: 'x-envoy-peer-metadata' },
          { append: { header: { key: 'X-A', value: '1' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' } },
        ],
        [{ append: { header: { key: 'x-r', value: '2' } } }],
      ),
      { name: 'unknown', isOptional: true, typedConfig: any('x.Y') },
      { name: 'off', disabled: true, typedConfig: any('x.Z') },
      router,
    ],
  });
  assert.equal(config.authorizers.length, 2);
  assert.deepEqual(config.requestHeaderOps, { remove: ['x-envoy-peer-metadata'], set: ['x-a', '1'], add: [] });
  assert.deepEqual(config.responseHeaderOps, { remove: [], set: [], add: ['x-r', '2'] });
});

test('a policy on a header that an earlier filter changes is refused, on another it is not', () => {
  const policy = (name: string): object => ({
    policies: { p: { permissions: [{ header: { name, presentMatch: true } }], principals: [{ any: true }] } },
  });
  const chain = (name: string): Listener =>
    withChain({
      filters: hcm({ httpFilters: [...mutation([{ remove: 'x-a' }]), ...(rbac(policy(name)) ?? []), router] }),
    });
  assert.match(refusal(chain('X-A')), /looks at header x-a/);
  compiled(chain('x-b'));
});

test('a TCP proxy and network RBAC', () => {
  const chain = compiled(
    withChain({
      filters: [
        {
          name: 'rbac',
          typedConfig: any(`${filters}.network.rbac.v3.RBAC`, { statPrefix: 'tcp.', rules: { action: 'DENY' } }),
        },
        ...(tcp({
          statPrefix: 's',
          weightedClusters: {
            clusters: [
              { name: 'a', weight: 1 },
              { name: 'b', weight: 2 },
            ],
          },
          idleTimeout: '0s',
        }) ?? []),
      ],
    }),
  ).filterChains[0];
  assert.equal(chain?.networkAuthorizers.length, 1);
  assert.deepEqual(chain?.network, {
    kind: 'tcp',
    statPrefix: 's',
    clusters: [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 2 },
    ],
    idleTimeoutMs: 0,
    maxConnectionDurationMs: 0,
    maxConnectAttempts: 1,
    accessLog: [],
  });
});

test('what decides who may connect, or where to, and is not understood is refused with its path', () => {
  const cases: [Listener, RegExp][] = [
    [{ ...permissive, useOriginalDst: true }, /^useOriginalDst: is not supported/],
    [{ ...permissive, bindToPort: false }, /^bindToPort/],
    [{ ...permissive, filterChains: [] }, /^filterChains: is required/],
    [{ ...permissive, address: { pipe: { path: '/x' } } }, /^address\.pipe/],
    [{ ...permissive, listenerFilters: [] }, /filterChains\[\d\]\.filterChainMatch: needs the tls_inspector/],
    [
      { ...permissive, listenerFilters: [{ name: 'x', typedConfig: any('x.ProxyProtocol') }] },
      /listenerFilters\[0\]\.typedConfig\.@type: x\.ProxyProtocol/,
    ],
    [
      { ...permissive, filterChains: [{ filters: tcp() }, { filters: tcp() }] },
      /filterChains\[1\]: matches the same connections/,
    ],
    [withChain({ filterChainMatch: { sourcePorts: [1] }, filters: tcp() }), /filterChainMatch\.sourcePorts/],
    [withChain({ filters: [] }), /must end with/],
    [withChain({ filters: [...(tcp() ?? []), ...(tcp() ?? [])] }), /filters\[1\]: comes after/],
    [withChain({ filters: tcp({ cluster: '' }) }), /typedConfig\.cluster: is required/],
    [withChain({ filters: tcp({ cluster: 'c', tunnelingConfig: { hostname: 'x' } }) }), /tunnelingConfig/],
    [withChain({ filters: hcm({ httpFilters: [] }) }), /httpFilters: must end with the router/],
    [
      withChain({ filters: hcm({ httpFilters: [{ name: 'x', typedConfig: any('x.JwtAuthn') }, router] }) }),
      /httpFilters\[0\]\.typedConfig\.@type: x\.JwtAuthn/,
    ],
    [
      withChain({ filters: hcm({ httpFilters: rbac({ policies: { p: {} } }) }) }),
      /rules\.policies\["p"\]\.permissions/,
    ],
    [
      withChain({ filters: hcm({ pathWithEscapedSlashesAction: 'UNESCAPE_AND_FORWARD' }) }),
      /pathWithEscapedSlashesAction/,
    ],
    [withChain({ filters: hcm({ xffNumTrustedHops: 1 }) }), /xffNumTrustedHops/],
    [withChain({ filters: hcm({ stripAnyHostPort: true }) }), /stripAnyHostPort/],
    [withChain({ filters: hcm({ setCurrentClientCertDetails: { cert: true } }) }), /setCurrentClientCertDetails\.cert/],
    [
      withChain({ filters: hcm({ routeConfig: { virtualHosts: [{ name: 'v', domains: [] }] } }) }),
      /routeConfig\.virtualHosts\[0\]\.domains/,
    ],
    [
      withChain({ transportSocket: mtls({ combinedValidationContext: undefined }), filters: tcp() }),
      /or any client certificate would do/,
    ],
    [
      withChain({ transportSocket: mtls({ tlsCertificateSdsSecretConfigs: [] }), filters: tcp() }),
      /tlsCertificates: is required/,
    ],
    [
      withChain({ transportSocket: mtls({ tlsParams: { tlsMinimumProtocolVersion: 'SSLv3' } }), filters: tcp() }),
      /tlsMinimumProtocolVersion/,
    ],
    [
      withChain({ transportSocket: { typedConfig: any('x.Starttls') }, filters: tcp() }),
      /transportSocket\.typedConfig\.@type/,
    ],
  ];
  for (const [json, pattern] of cases) assert.match(refusal(json), pattern);
});
