import type { MtlsMode } from '@weft/model/kinds/peer-authentication';
import type { Mesh, Pod, Protocol } from '@weft/model/mesh';
import { mtlsModeFor } from '@weft/model/peer-authentication';
import { servicesOfPod } from '@weft/model/pods-of-service';
import type { Filter, FilterChain, Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { HttpFilter } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import { httpAuthorization, networkAuthorization } from '../authorization/filters.ts';
import { policiesOf, type SelectedPolicies } from '../authorization/select.ts';
import { remember } from '../memo.ts';
import { inboundCluster, listenerName } from '../names.ts';
import type { ProxyNode } from '../proxy-node.ts';
import { isHttp, targetPortOf } from '../service-port.ts';
import { HTTP_ALPN, MESH_ALPN, MESH_ALPNS, meshServerTls, PEER_EXCHANGE_ALPN } from '../tls.ts';
import { tracingDeps } from '../tracing/collector.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { sieveFromOutside, sieveFromPeers } from './envoy-headers.ts';
import { httpInspector, tlsInspector } from './listener-filters.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { extension } from '../typed.ts';

/** The ports of a pod that services lead to. Where two differ on the protocol, the first by host decides. */
export const inboundPorts = (mesh: Mesh, pod: Pod): ReadonlyMap<number, Protocol> => {
  const ports = new Map<number, Protocol>();
  for (const service of servicesOfPod(mesh, pod))
    for (const port of service.ports) {
      const target = targetPortOf(port, pod);
      if (target !== undefined && port.protocol !== 'udp' && !ports.has(target)) ports.set(target, port.protocol);
    }
  return new Map([...ports].sort(([a], [b]) => a - b));
};

export const inboundListener = (mesh: Mesh, node: ProxyNode, port: number, protocol: Protocol): Listener => {
  const { pod, bindAddress, dataPlane } = node;
  const mode = mtlsModeFor(mesh, pod.namespace, pod.labels, port);
  const policies = policiesOf(mesh, pod);
  const operation = inboundOperation(mesh, pod, port);
  const deps = [
    mode,
    protocol,
    mesh.trustDomain,
    ...tracingDeps(mesh, pod),
    operation,
    ...policies.deny,
    ...policies.allow,
    ...policies.denied,
  ];
  return remember(pod, `inbound ${bindAddress}:${port} ${dataPlane}`, deps, () => ({
    name: listenerName(bindAddress, port),
    address: { socketAddress: { address: bindAddress, portValue: port } },
    trafficDirection: 'INBOUND',
    listenerFilters: protocol === 'auto' ? [tlsInspector, httpInspector] : [tlsInspector],
    // Where the server speaks first no bytes come to look at: go on as plaintext, if that is allowed at all.
    ...(mode !== 'STRICT' && { continueOnListenerFiltersTimeout: true, listenerFiltersTimeout: '1s' }),
    filterChains: filterChains(mesh, node, port, protocol, mode, policies, operation),
  }));
};

/** Of ports that say to be called by browsers: the application speaks gRPC. */
const grpcWeb: HttpFilter = extension(
  'envoy.filters.http.grpc_web',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
  {},
);

/** What spans of requests to a port are called: the first service that leads there. Empty where nothing is traced. */
const inboundOperation = (mesh: Mesh, pod: Pod, port: number): string => {
  if (mesh.meshConfig.tracing === null) return '';
  for (const service of servicesOfPod(mesh, pod)) {
    const by = service.ports.find((p) => targetPortOf(p, pod) === port);
    if (by) return `${service.host}:${by.port}/*`;
  }
  return '';
};

/**
 * STRICT: mutual TLS alone. PERMISSIVE tells a sidecar's TLS by its ALPN, so that plaintext and an application's own TLS
 * pass too. DISABLE: those two, without ours.
 */
const filterChains = (
  mesh: Mesh,
  { pod, dataPlane }: ProxyNode,
  port: number,
  protocol: Protocol,
  mode: MtlsMode,
  policies: SelectedPolicies,
  operation: string,
): FilterChain[] => {
  const opaque = [...networkAuthorization(policies, mesh.trustDomain), tcpProxy(mesh, inboundCluster(port))];
  const filters = (sieve: () => HttpFilter): Filter[] =>
    isHttp(protocol)
      ? [
          inboundHttp(mesh, pod, port, operation, [
            ...httpAuthorization(policies, mesh.trustDomain),
            ...(dataPlane === 'envoy' ? [sieve()] : []),
            ...(protocol === 'grpc-web' ? [grpcWeb] : []),
          ]),
        ]
      : opaque;
  const detected = protocol === 'auto';
  const mutual = {
    name: 'mtls',
    filterChainMatch: {
      transportProtocol: 'tls',
      ...(mode === 'PERMISSIVE' && {
        applicationProtocols: MESH_ALPNS.filter((name) => !detected || name !== PEER_EXCHANGE_ALPN),
      }),
    },
    transportSocket: meshServerTls(
      mesh.trustDomain,
      isHttp(protocol) ? HTTP_ALPN[dataPlane === 'weft' ? 'weft' : 'envoy'] : [MESH_ALPN],
    ),
    filters: filters(sieveFromPeers),
  };
  const plain = {
    name: 'plaintext',
    filterChainMatch: {
      transportProtocol: 'raw_buffer',
      ...(detected && { applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] }),
    },
    filters: filters(sieveFromOutside),
  };
  // Of a port that does not say what it speaks: bytes from a sidecar are told by its ALPN, others by not being HTTP.
  const mutualBytes = {
    name: 'mtls-tcp',
    filterChainMatch: { transportProtocol: 'tls', applicationProtocols: [PEER_EXCHANGE_ALPN] },
    transportSocket: meshServerTls(mesh.trustDomain, [MESH_ALPN]),
    filters: opaque,
  };
  const plainBytes = { name: 'plaintext-tcp', filterChainMatch: { transportProtocol: 'raw_buffer' }, filters: opaque };
  const passed = { name: 'tls-passthrough', filterChainMatch: { transportProtocol: 'tls' }, filters: opaque };
  const secured = detected ? [mutual, mutualBytes] : [mutual];
  if (mode === 'STRICT') return secured;
  const open = detected ? [plain, plainBytes, passed] : [plain, passed];
  return mode === 'DISABLE' ? open : [...secured, ...open];
};

const inboundHttp = (mesh: Mesh, pod: Pod, port: number, operation: string, filters: readonly HttpFilter[]): Filter =>
  httpConnectionManager(
    mesh,
    pod,
    {
      statPrefix: `inbound_0.0.0.0_${port}`,
      routeConfig: {
        name: inboundCluster(port),
        validateClusters: false,
        virtualHosts: [
          {
            name: `inbound|http|${port}`,
            domains: ['*'],
            routes: [
              {
                name: 'default',
                match: { prefix: '/' },
                // As Istio: no limit but what a caller of gRPC says itself.
                route: {
                  cluster: inboundCluster(port),
                  timeout: '0s',
                  maxStreamDuration: { maxStreamDuration: '0s', grpcTimeoutHeaderMax: '0s' },
                },
                ...(operation !== '' && { decorator: { operation } }),
              },
            ],
          },
        ],
      },
      forwardClientCertDetails: 'SANITIZE_SET',
      setCurrentClientCertDetails: { subject: true, uri: true },
      upgradeConfigs: [{ upgradeType: 'websocket' }],
    },
    filters,
  );
