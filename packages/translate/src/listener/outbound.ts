import { destinationRuleFor } from '@weft/model/destination-rule-for';
import type { Mesh, Pod, Service, ServicePort } from '@weft/model/mesh';
import { proxyPorts, tcpListenerPorts } from '@weft/model/proxy-ports';
import { outboundTrafficPolicyFor, seesService } from '@weft/model/sidecar-scope';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { HttpFilter } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import { tcpTunnel } from '../cluster/inbound.ts';
import { effectivePolicy } from '../cluster/traffic-policy.ts';
import { remember } from '../memo.ts';
import { HTTP_PROXY_ROUTES, listenerName, tcpTunnelCluster } from '../names.ts';
import { outsideFilters } from '../outside.ts';
import type { ProxyNode } from '../proxy-node.ts';
import { CORS_FILTER, CORS_TYPE } from '../route/cors.ts';
import { FAULT_FILTER, FAULT_TYPE } from '../route/fault.ts';
import { tracingDeps } from '../tracing/collector.ts';
import { extension } from '../typed.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { sendPeerMetadata } from './envoy-headers.ts';
import { l4Destinations, l4Routes, l4Source } from './l4-routes.ts';
import { tlsInspector } from './listener-filters.ts';
import { weightedTcpProxy } from './tcp-proxy.ts';

/** The HTTP proxy of a pod's applications: absolute-form, origin-form and CONNECT. */
export const httpProxyListener = (mesh: Mesh, { pod, bindAddress, dataPlane }: ProxyNode): Listener =>
  remember(
    pod,
    `outbound ${bindAddress} ${dataPlane}`,
    [mesh.domainSuffix, outboundTrafficPolicyFor(mesh, pod), ...tracingDeps(mesh, pod)],
    () => ({
      ...bound(bindAddress, proxyPorts.outbound),
      filterChains: [
        {
          filters: [
            httpConnectionManager(
              mesh,
              pod,
              {
                statPrefix: 'outbound_http_proxy',
                rds: {
                  configSource: { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' },
                  routeConfigName: HTTP_PROXY_ROUTES,
                },
                forwardClientCertDetails: 'SANITIZE',
                upgradeConfigs: [{ upgradeType: 'websocket' }, { upgradeType: 'CONNECT' }],
              },
              [
                ...(dataPlane === 'envoy' ? [sendPeerMetadata(mesh, pod)] : []),
                ...byRoute,
                ...outsideFilters(outboundTrafficPolicyFor(mesh, pod)),
              ],
            ),
          ],
        },
      ],
    }),
  );

/** What routes may ask for, in Istio's order. They do nothing where a route does not configure them. */
const byRoute: readonly HttpFilter[] = [extension(FAULT_FILTER, FAULT_TYPE, {}), extension(CORS_FILTER, CORS_TYPE, {})];

/** One listener for each port of a TCP service that the pod sees. `taken`: ports that inbound listeners have. */
export const tcpListeners = (mesh: Mesh, { pod, bindAddress }: ProxyNode, taken: ReadonlySet<number>): Listener[] =>
  tcpServices(mesh, pod, taken).map(({ service, port, listen }) =>
    tcpListener(mesh, pod, bindAddress, service, port, listen),
  );

/** Clusters that lead into those listeners whose connections are routed by rules, for the tunnels of CONNECT. */
export const tcpTunnels = (mesh: Mesh, { pod, bindAddress }: ProxyNode, taken: ReadonlySet<number>): Cluster[] =>
  tcpServices(mesh, pod, taken)
    .filter(({ service, port }) => l4Source(mesh, service, port, pod))
    .map(({ service, port, listen }) => tcpTunnel(pod, bindAddress, tcpTunnelCluster(port.port, service.host), listen));

const tcpServices = (mesh: Mesh, pod: Pod, taken: ReadonlySet<number>) =>
  [...tcpListenerPorts(mesh).values()].filter(
    ({ service, listen }) => !taken.has(listen) && seesService(mesh, pod, service),
  );

const tcpListener = (
  mesh: Mesh,
  pod: Pod,
  address: string,
  service: Service,
  port: ServicePort,
  listen: number,
): Listener => {
  const rule = destinationRuleFor(mesh, service.host, pod.namespace);
  const source = l4Source(mesh, service, port, pod);
  const deps = [service.host, port.port, port.protocol, mesh.meshConfig, rule, source, ...l4Destinations(mesh, source)];
  return remember(pod, `outbound tcp ${address}:${listen}`, deps, () => {
    const routes = l4Routes(mesh, pod, service, port);
    const { tcp } = effectivePolicy(rule?.spec, undefined, port.port).connectionPool ?? {};
    return {
      ...bound(address, listen),
      ...(routes.some(({ match }) => match?.transportProtocol) && { listenerFilters: [tlsInspector] }),
      filterChains: routes.map(({ match, statPrefix, clusters }) => ({
        ...(match && { filterChainMatch: match }),
        filters: [weightedTcpProxy(mesh, statPrefix, clusters, tcp)],
      })),
    };
  });
};

const bound = (address: string, portValue: number): Listener => ({
  name: listenerName(address, portValue),
  address: { socketAddress: { address, portValue } },
  trafficDirection: 'OUTBOUND',
});
