import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { HealthCheck, Http2ProtocolOptions } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { HttpProtocolOptions } from '@weft/xds-api/gen/envoy/extensions/upstreams/http/v3';
import { compileCluster, compileEndpoints, isCompileError } from './compile.ts';
import { defaultHttp2Settings } from './http2-settings.ts';
import type { ClusterConfig } from './runtime-config.ts';
import { StringMatcher } from './string-matcher.ts';
import { SubjectAltName } from './tls-config.ts';

const tlsType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
const rawType = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
const httpType = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const outbound: Cluster = {
  name: 'outbound|80|v1|orders.default.svc.cluster.local',
  type: 'EDS',
  edsClusterConfig: { edsConfig: { ads: {} }, serviceName: 'outbound|80|v1|orders.default.svc.cluster.local' },
  connectTimeout: '10s',
  lbPolicy: 'LEAST_REQUEST',
  circuitBreakers: {
    thresholds: [
      { maxConnections: 4294967295, maxPendingRequests: 7, maxRequests: 8, maxRetries: 9, trackRemaining: true },
    ],
  },
  typedExtensionProtocolOptions: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': httpType,
      commonHttpProtocolOptions: { maxRequestsPerConnection: 5, idleTimeout: '30s' },
      explicitHttpConfig: { httpProtocolOptions: {} },
    },
  },
  transportSocketMatches: [
    {
      name: 'tlsMode-istio',
      match: { tlsMode: 'istio' },
      transportSocket: {
        name: 'tls',
        typedConfig: {
          '@type': tlsType,
          sni: 'outbound_.80_.v1_.orders.default.svc.cluster.local',
          commonTlsContext: {
            alpnProtocols: ['istio'],
            tlsCertificateSdsSecretConfigs: [{ name: 'default' }],
            combinedValidationContext: {
              defaultValidationContext: {
                matchTypedSubjectAltNames: [
                  { sanType: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/default/sa/orders' } },
                ],
              },
              validationContextSdsSecretConfig: { name: 'ROOTCA' },
            },
          },
        },
      },
    },
    { name: 'tlsMode-disabled', match: {}, transportSocket: { name: 'raw', typedConfig: { '@type': rawType } } },
  ],
  metadata: {
    filterMetadata: {
      istio: { services: [{ host: 'orders.default.svc.cluster.local', name: 'orders', namespace: 'default' }] },
    },
  },
};

const spoken = (options: HttpProtocolOptions): Cluster => ({
  name: 'a',
  typedExtensionProtocolOptions: { x: { '@type': httpType, ...options } },
});
const http2 = (options: Http2ProtocolOptions): Cluster =>
  spoken({ explicitHttpConfig: { http2ProtocolOptions: options } });

const checked = (check: HealthCheck): Cluster => ({
  name: 'a',
  healthChecks: [{ timeout: '1s', interval: '5s', unhealthyThreshold: 3, healthyThreshold: 2, ...check }],
});

const compiled = (json: Cluster): ClusterConfig => {
  const result = compileCluster(json);
  assert.ok(!isCompileError(result), JSON.stringify(result));
  return result;
};
const refusal = (json: Cluster): string => {
  const result = compileCluster(json);
  assert.ok(isCompileError(result), 'it compiled');
  return result.message;
};

const uriSan = (kind: 'exact' | 'prefix', value: string): SubjectAltName =>
  new SubjectAltName('uri', new StringMatcher(kind, value, false, null));

test('an outbound cluster has all it needs', () => {
  assert.deepEqual(compiled(outbound), {
    name: outbound.name,
    discovery: 'eds',
    edsName: outbound.name,
    connectTimeoutMs: 10_000,
    loadBalancer: { kind: 'least_request', choiceCount: 2 },
    endpoints: [],
    warm: false,
    tls: null,
    tlsMatches: [
      {
        labels: { tlsMode: 'istio' },
        tls: {
          certificates: [{ kind: 'secret', name: 'default' }],
          roots: { kind: 'secret', name: 'ROOTCA' },
          crl: null,
          requireClientCertificate: false,
          peerSans: [uriSan('exact', 'spiffe://cluster.local/ns/default/sa/orders')],
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
          ciphers: [],
          groups: [],
          alpn: ['istio'],
          sni: 'outbound_.80_.v1_.orders.default.svc.cluster.local',
        },
      },
      { labels: {}, tls: null },
    ],
    proxyProtocol: 0,
    limits: {
      maxConnections: 4294967295,
      maxPendingRequests: 7,
      maxRequests: 8,
      maxRetries: 9,
      retryBudget: null,
      maxRequestsPerConnection: 5,
    },
    protocol: 'http1',
    http2: defaultHttp2Settings,
    idleTimeoutMs: 30_000,
    maxConnectionDurationMs: 0,
    tcpKeepalive: null,
    outlierDetection: null,
    healthCheck: null,
    panicThreshold: 50,
    destination: { host: 'orders.default.svc.cluster.local', name: 'orders', namespace: 'default' },
  });
});

test('a static cluster is warm and has its endpoints; the rest are Envoy’s defaults', () => {
  const cluster = compiled({
    name: 'inbound|8080||',
    loadAssignment: {
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: 9000 } } } }] },
      ],
    },
  });
  assert.equal(cluster.discovery, 'static');
  assert.equal(cluster.warm, true);
  assert.equal(cluster.endpoints[0]?.port, 9000);
  assert.deepEqual(cluster.loadBalancer, { kind: 'round_robin' });
  assert.deepEqual(cluster.limits, {
    maxConnections: 1024,
    maxPendingRequests: 1024,
    maxRequests: 1024,
    maxRetries: 3,
    retryBudget: null,
    maxRequestsPerConnection: 0,
  });
  assert.equal(cluster.connectTimeoutMs, 5000);
  assert.equal(cluster.idleTimeoutMs, 3_600_000);
});

test('endpoints are spoken to in HTTP/1.1, HTTP/2, what ALPN agrees on or what the client speaks', () => {
  const protocols: [Cluster, ClusterConfig['protocol']][] = [
    [{ name: 'a' }, 'http1'],
    [{ name: 'a', http2ProtocolOptions: {} }, 'http2'],
    [{ name: 'a', http2ProtocolOptions: {}, protocolSelection: 'USE_DOWNSTREAM_PROTOCOL' }, 'downstream'],
    [spoken({ explicitHttpConfig: { httpProtocolOptions: {} } }), 'http1'],
    [spoken({ explicitHttpConfig: { http2ProtocolOptions: {} } }), 'http2'],
    [spoken({ useDownstreamProtocolConfig: { http2ProtocolOptions: {} } }), 'downstream'],
    [spoken({ autoConfig: {} }), 'auto'],
  ];
  for (const [json, protocol] of protocols) assert.equal(compiled(json).protocol, protocol, JSON.stringify(json));
});

test('the options of HTTP/2, with Envoy’s defaults but for the windows', () => {
  assert.deepEqual(compiled(http2({})).http2, defaultHttp2Settings);
  const connectionKeepalive = { interval: '30s', timeout: '5s', connectionIdleInterval: '10s' };
  const settings = compiled(
    http2({ maxConcurrentStreams: 100, hpackTableSize: 0, allowConnect: true, connectionKeepalive }),
  ).http2;
  assert.deepEqual(settings, {
    ...defaultHttp2Settings,
    maxConcurrentStreams: 100,
    headerTableSize: 0,
    allowConnect: true,
    keepalive: { intervalMs: 30_000, timeoutMs: 5000, jitterPercent: 15, idleIntervalMs: 10_000 },
  });
});

test('health checks by HTTP, gRPC and TCP, with Envoy’s defaults', () => {
  const common = {
    timeoutMs: 1000,
    intervalMs: 5000,
    unhealthyIntervalMs: 5000,
    unhealthyEdgeIntervalMs: 5000,
    healthyEdgeIntervalMs: 5000,
    noTrafficIntervalMs: 60_000,
    noTrafficHealthyIntervalMs: 60_000,
    initialJitterMs: 0,
    intervalJitterMs: 0,
    intervalJitterPercent: 0,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    altPort: 0,
  };
  const requestHeadersToAdd = [{ header: { key: 'X-Probe', value: 'yes' } }];
  assert.deepEqual(compiled(checked({ httpHealthCheck: { path: '/ok', requestHeadersToAdd } })).healthCheck, {
    ...common,
    probe: {
      kind: 'http',
      method: 'GET',
      path: '/ok',
      host: '',
      headers: ['x-probe', 'yes'],
      http2: false,
      expected: [[200, 201]],
      retriable: [],
    },
  });
  const grpc = checked({ grpcHealthCheck: { serviceName: 'orders' }, unhealthyInterval: '1s', altPort: 9 });
  assert.deepEqual(compiled(grpc).healthCheck, {
    ...common,
    unhealthyIntervalMs: 1000,
    unhealthyEdgeIntervalMs: 1000,
    altPort: 9,
    probe: { kind: 'grpc', service: 'orders', authority: '' },
  });
  const tcp = { send: { text: '50494e47' }, receive: [{ binary: 'UE9ORw==' }] };
  assert.deepEqual(compiled(checked({ tcpHealthCheck: tcp })).healthCheck?.probe, {
    kind: 'tcp',
    send: Uint8Array.of(0x50, 0x49, 0x4e, 0x47),
    receive: [Uint8Array.of(0x50, 0x4f, 0x4e, 0x47)],
  });
});

test('outlier detection, panic threshold, retry budget, keep-alive and the life of a connection, with Envoy’s defaults', () => {
  const bare = compiled({ name: 'a', outlierDetection: {}, circuitBreakers: { thresholds: [{ retryBudget: {} }] } });
  assert.deepEqual(bare.limits.retryBudget, { percent: 20, minConcurrency: 3 });
  assert.deepEqual(bare.outlierDetection, {
    consecutive5xx: 5,
    consecutiveGatewayFailure: 5,
    consecutiveLocalOriginFailure: 5,
    intervalMs: 10_000,
    baseEjectionTimeMs: 30_000,
    maxEjectionTimeMs: 300_000,
    maxEjectionTimeJitterMs: 0,
    maxEjectionPercent: 10,
    alwaysEjectOneHost: false,
    splitExternalLocalOrigin: false,
    successRateMinimumHosts: 5,
    successRateRequestVolume: 100,
    successRateStdevFactor: 1900,
    failurePercentageThreshold: 85,
    failurePercentageMinimumHosts: 5,
    failurePercentageRequestVolume: 50,
    enforcing: {
      consecutive_5xx: 100,
      consecutive_gateway_failure: 0,
      consecutive_local_origin_failure: 100,
      success_rate: 100,
      local_origin_success_rate: 100,
      failure_percentage: 0,
      local_origin_failure_percentage: 0,
    },
  });
  const full = compiled({
    name: 'a',
    outlierDetection: { baseEjectionTime: '600s', interval: '1s', enforcingConsecutive5xx: 0, consecutive5xx: 3 },
    commonLbConfig: { healthyPanicThreshold: {} },
    circuitBreakers: { thresholds: [{ retryBudget: { budgetPercent: { value: 5 }, minRetryConcurrency: 0 } }] },
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveProbes: 2, keepaliveTime: 60 } },
    commonHttpProtocolOptions: { maxConnectionDuration: '90s' },
  });
  assert.equal(full.outlierDetection?.maxEjectionTimeMs, 600_000, 'never below the base');
  assert.equal(full.outlierDetection?.intervalMs, 1000);
  assert.equal(full.outlierDetection?.enforcing.consecutive_5xx, 0);
  assert.equal(full.panicThreshold, 0);
  assert.deepEqual(full.limits.retryBudget, { percent: 5, minConcurrency: 0 });
  assert.deepEqual(full.tcpKeepalive, { probes: 2, timeMs: 60_000, intervalMs: 0 });
  assert.equal(full.maxConnectionDurationMs, 90_000);
});

test('endpoints bring address, weight, health, locality, workload and what TLS they speak', () => {
  const assignment: ClusterLoadAssignment = {
    clusterName: 'c',
    endpoints: [
      {
        locality: { region: 'r', zone: 'z' },
        lbEndpoints: [
          {
            endpoint: { address: { socketAddress: { address: '127.1.2.3', portValue: 8080 } } },
            loadBalancingWeight: 3,
            healthStatus: 'HEALTHY',
            metadata: {
              filterMetadata: {
                'envoy.transport_socket_match': { tlsMode: 'istio' },
                istio: { workload: 'orders-v1;default;orders;v1;Kubernetes' },
              },
            },
          },
          {
            endpoint: { address: { socketAddress: { address: '127.1.2.4', portValue: 8080 } } },
            healthStatus: 'DRAINING',
          },
        ],
      },
    ],
  };
  const result = compileEndpoints(assignment);
  assert.ok(!isCompileError(result));
  assert.deepEqual(result[0], {
    address: '127.1.2.3',
    port: 8080,
    weight: 3,
    healthy: true,
    region: 'r',
    zone: 'z',
    workload: 'orders-v1;default;orders;v1;Kubernetes',
    transportSocketLabels: { tlsMode: 'istio' },
  });
  assert.deepEqual([result[1]?.healthy, result[1]?.weight, result[1]?.workload], [false, 1, '']);
});

test('priorities, drops and addresses that are none are refused', () => {
  const problem = (json: ClusterLoadAssignment): string => {
    const result = compileEndpoints(json);
    assert.ok(isCompileError(result));
    return result.message;
  };
  assert.match(problem({ endpoints: [{ priority: 1 }] }), /endpoints\[0\]\.priority: is not supported/);
  assert.match(problem({ policy: { dropOverloads: [{ category: 'x' }] } }), /policy\.dropOverloads/);
  assert.match(
    problem({ endpoints: [{ lbEndpoints: [{ endpoint: { address: { pipe: { path: '/x' } } } }] }] }),
    /address\.pipe/,
  );
  assert.match(
    problem({
      endpoints: [{ lbEndpoints: [{ endpoint: { address: { socketAddress: { address: 'a', portValue: 70000 } } } }] }],
    }),
    /portValue/,
  );
});

const outside = (config: object = {}): Cluster => ({
  name: 'PassthroughCluster',
  lbPolicy: 'CLUSTER_PROVIDED',
  clusterType: {
    name: 'envoy.clusters.dynamic_forward_proxy',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
      dnsCacheConfig: { name: 'outside', dnsLookupFamily: 'V4_PREFERRED' },
      ...config,
    },
  },
});

test('a cluster of hosts that requests name has no endpoints, and those of DNS clusters may be names', () => {
  const compiled = compileCluster(outside()) as ClusterConfig;
  assert.deepEqual(
    [compiled.discovery, compiled.endpoints, compiled.warm, compiled.connectTimeoutMs],
    ['dynamic_forward_proxy', [], true, 5000],
  );
  for (const type of ['STRICT_DNS', 'LOGICAL_DNS'] as const) {
    const address = { socketAddress: { address: 'zipkin.example', portValue: 9411 } };
    const dns = compileCluster({
      name: 'zipkin',
      type,
      loadAssignment: { endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }] },
    }) as ClusterConfig;
    assert.deepEqual([dns.discovery, dns.warm], [type.toLowerCase(), true]);
    assert.deepEqual([dns.endpoints[0]?.address, dns.endpoints[0]?.port], ['zipkin.example', 9411]);
  }
});

test('what is not understood of a cluster is refused with its path', () => {
  const tlsContext = (context: object): Cluster => ({
    ...outbound,
    transportSocket: { name: 'tls', typedConfig: { '@type': tlsType, ...context } },
  });
  const cases: [Cluster, RegExp][] = [
    [{ ...outbound, name: '' }, /^name: is required/],
    [{ ...outbound, type: 'ORIGINAL_DST' }, /^type: ORIGINAL_DST is not supported/],
    [{ ...outside(), lbPolicy: 'ROUND_ROBIN' }, /^lbPolicy/],
    [{ ...outside(), clusterType: { typedConfig: { '@type': 'a/b.C' } } }, /^clusterType\.typedConfig\.@type: b\.C/],
    [outside({ subClustersConfig: {} }), /^clusterType\.typedConfig\.subClustersConfig/],
    [outside({ dnsCacheConfig: undefined }), /^clusterType\.typedConfig\.dnsCacheConfig: is required/],
    [outside({ dnsCacheConfig: { dnsLookupFamily: 'V6_ONLY' } }), /dnsCacheConfig\.dnsLookupFamily/],
    [outside({ dnsCacheConfig: { typedDnsResolverConfig: {} } }), /dnsCacheConfig\.typedDnsResolverConfig/],
    [{ ...outbound, edsClusterConfig: {} }, /^edsClusterConfig\.edsConfig: must be ads/],
    [{ ...outbound, lbPolicy: 'RING_HASH' }, /^lbPolicy: RING_HASH/],
    [{ ...outbound, lbSubsetConfig: { fallbackPolicy: 'ANY_ENDPOINT' } }, /^lbSubsetConfig/],
    [{ ...outbound, healthChecks: [{}, {}] }, /^healthChecks: more than one/],
    [checked({ customHealthCheck: { name: 'x' } }), /^healthChecks\[0\]\.customHealthCheck: is not supported/],
    [checked({}), /^healthChecks\[0\]: says no kind/],
    [checked({ tcpHealthCheck: {}, timeout: '0s' }), /^healthChecks\[0\]\.timeout: must be above 0/],
    [checked({ tcpHealthCheck: {}, unhealthyThreshold: undefined }), /unhealthyThreshold: is required/],
    [checked({ tcpHealthCheck: { send: { text: 'xyz' } } }), /tcpHealthCheck\.send\.text: is not hexadecimal/],
    [checked({ httpHealthCheck: { path: 'x' } }), /httpHealthCheck\.path: "x" is not a path/],
    [checked({ httpHealthCheck: { path: '/', codecClientType: 'HTTP3' } }), /codecClientType: HTTP3/],
    [
      checked({ httpHealthCheck: { path: '/', expectedStatuses: [{ start: 1 }] } }),
      /expectedStatuses\[0\]: is not a range/,
    ],
    [{ ...outbound, commonLbConfig: { localityWeightedLbConfig: {} } }, /^commonLbConfig\.localityWeightedLbConfig/],
    [{ ...outbound, loadBalancingPolicy: { policies: [] } }, /^loadBalancingPolicy/],
    [{ ...outbound, typedExtensionProtocolOptions: { x: { '@type': 'a/b.C' } } }, /@type/],
    [spoken({ explicitHttpConfig: { http3ProtocolOptions: {} } }), /explicitHttpConfig\.http3ProtocolOptions/],
    [spoken({ autoConfig: { alternateProtocolsCacheOptions: {} } }), /autoConfig\.alternateProtocolsCacheOptions/],
    [spoken({ httpFilters: [{ name: 'x' }] }), /httpFilters: is not supported/],
    [spoken({ commonHttpProtocolOptions: {} }), /says no protocol/],
    [http2({ maxConcurrentStreams: 0 }), /http2ProtocolOptions\.maxConcurrentStreams: must be between 1 and/],
    [http2({ initialStreamWindowSize: 1000 }), /http2ProtocolOptions\.initialStreamWindowSize: must be between 65535/],
    [http2({ customSettingsParameters: [{ identifier: 9 }] }), /http2ProtocolOptions\.customSettingsParameters/],
    [http2({ connectionKeepalive: { interval: '30s' } }), /connectionKeepalive\.timeout: must be at least 1 ms/],
    [tlsContext({}), /or any server certificate would do/],
    [
      tlsContext({ commonTlsContext: { validationContext: { trustedCa: {} } } }),
      /commonTlsContext\.validationContext\.trustedCa: is empty/,
    ],
    [tlsContext({ autoHostSni: true }), /autoHostSni/],
  ];
  for (const [json, pattern] of cases) assert.match(refusal(json), pattern);
});
