import type { Mesh, Pod } from '@weft/model/mesh';
import { proxyPorts } from '@weft/model/proxy-ports';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { withoutLimits } from '../cluster/inbound.ts';
import { remember } from '../memo.ts';
import { listenerName } from '../names.ts';
import { isTunnelled } from '../tunnelled.ts';
import type { ProxyNode } from '../proxy-node.ts';
import { meshServerTls } from '../tls.ts';
import { tracingDeps } from '../tracing/collector.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { tlsInspector } from './listener-filters.ts';

/** Our proxy alone: Envoy needs listeners and clusters of another make for it. */
export const takesHbone = ({ pod, dataPlane }: ProxyNode): boolean => dataPlane === 'weft' && isTunnelled(pod);

const hboneCluster = (port: number): string => `hbone|${port}||`;

/**
 * Mutual TLS and HTTP/2, in which a CONNECT to a port of the pod leads into the listener of that port: its filters and
 * policies see what is inside, with the identity of who opened the tunnel.
 */
export const hboneListener = (mesh: Mesh, node: ProxyNode, ports: readonly number[]): Listener => {
  const { pod, bindAddress } = node;
  const deps = [mesh.trustDomain, ...tracingDeps(mesh, pod), ...ports];
  return remember(pod, `hbone ${bindAddress}`, deps, () => ({
    name: listenerName(bindAddress, proxyPorts.hbone),
    address: { socketAddress: { address: bindAddress, portValue: proxyPorts.hbone } },
    trafficDirection: 'INBOUND',
    listenerFilters: [tlsInspector],
    filterChains: [
      {
        name: 'hbone',
        filterChainMatch: { transportProtocol: 'tls' },
        transportSocket: meshServerTls(mesh.trustDomain, ['h2']),
        filters: [
          httpConnectionManager(
            mesh,
            pod,
            {
              statPrefix: `inbound_0.0.0.0_${proxyPorts.hbone}`,
              codecType: 'HTTP2',
              routeConfig: {
                name: 'hbone',
                validateClusters: false,
                virtualHosts: ports.map((port) => tunnels(pod, port)),
              },
              upgradeConfigs: [{ upgradeType: 'CONNECT' }],
            },
            [],
          ),
        ],
      },
    ],
  }));
};

const tunnels = (pod: Pod, port: number): VirtualHost => ({
  name: `hbone|${port}`,
  domains: [`${pod.ip}:${port}`],
  routes: [
    {
      match: { connectMatcher: {} },
      route: {
        cluster: hboneCluster(port),
        timeout: '0s',
        upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
      },
    },
  ],
});

/** Into the listener of a port, without a connection. */
export const hboneClusterOf = (pod: Pod, bindAddress: string, port: number): Cluster =>
  remember(pod, `hbone cluster ${bindAddress}:${port}`, [], () => {
    const address = { envoyInternalAddress: { serverListenerName: listenerName(bindAddress, port) } };
    return {
      name: hboneCluster(port),
      type: 'STATIC',
      loadAssignment: {
        clusterName: hboneCluster(port),
        endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }],
      },
      circuitBreakers: withoutLimits,
    };
  });
