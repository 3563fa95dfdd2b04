import { destinationRuleFor } from '@weft/model/destination-rule-for';
import type { DestinationRule } from '@weft/model/kinds/destination-rule';
import type { Mesh, Pod, Protocol, Service } from '@weft/model/mesh';
import { servicesOfPod } from '@weft/model/pods-of-service';
import { proxyPorts } from '@weft/model/proxy-ports';
import type { CircuitBreakers, Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import { remember } from '../memo.ts';
import { inboundCluster, TUNNEL_CLUSTER } from '../names.ts';
import { isHttp, targetPortOf } from '../service-port.ts';
import { portProtocol, protocolOptions } from './http-protocol.ts';
import { circuitBreakersOf, connectTimeoutOf, keepalive } from './outbound.ts';
import { effectivePolicy } from './traffic-policy.ts';

/**
 * The application itself, on 127.0.0.1, at the port where it really listens. Its metadata names the services that lead
 * there, as Istio's does: what the called side reports is labelled with the first. The `connectionPool` of the first one's
 * DestinationRule holds here too, as in Istio: for all callers together.
 */
export const inboundClusterOf = (mesh: Mesh, pod: Pod, port: number, protocol: Protocol): Cluster => {
  const services = servicesOfPod(mesh, pod).filter((s) => s.ports.some((p) => targetPortOf(p, pod) === port));
  const [service] = services;
  const rule = service && destinationRuleFor(mesh, service.host, pod.namespace);
  return remember(pod, `inbound cluster ${port} ${protocol}`, [rule, ...services], () => ({
    ...toAddress(inboundCluster(port), '127.0.0.1', pod.appPorts[port] ?? port),
    ...limits(pod, port, protocol, service, rule?.spec),
    metadata: {
      filterMetadata: { istio: { services: services.map(({ host, name, namespace }) => ({ host, name, namespace })) } },
    },
  }));
};

const limits = (
  pod: Pod,
  port: number,
  protocol: Protocol,
  service: Service | undefined,
  rule: DestinationRule | undefined,
): Partial<Cluster> => {
  const servicePort = service?.ports.find((p) => targetPortOf(p, pod) === port)?.port ?? port;
  const pool = effectivePolicy(rule, undefined, servicePort).connectionPool;
  const http = isHttp(protocol);
  return {
    ...(pool && {
      connectTimeout: connectTimeoutOf(pool),
      circuitBreakers: circuitBreakersOf(pool, http, undefined),
      ...keepalive(pool),
    }),
    ...(http && protocolOptions(portProtocol(protocol), pool)),
  };
};

/** Back into the proxy's own outbound listener: what a CONNECT tunnel to an HTTP service holds is routed as HTTP. */
export const tunnelCluster = (pod: Pod, bindAddress: string): Cluster =>
  remember(pod, `tunnel ${bindAddress}`, [], () => toAddress(TUNNEL_CLUSTER, bindAddress, proxyPorts.outbound));

/** Into the proxy's own listener for a TCP service. */
export const tcpTunnel = (pod: Pod, bindAddress: string, name: string, listen: number): Cluster =>
  remember(pod, `${name} ${bindAddress}:${listen}`, [], () => toAddress(name, bindAddress, listen));

export const withoutLimits: CircuitBreakers = {
  thresholds: [
    {
      maxConnections: 0xffffffff,
      maxPendingRequests: 0xffffffff,
      maxRequests: 0xffffffff,
      maxRetries: 0xffffffff,
      trackRemaining: true,
    },
  ],
};

/** A cluster of one fixed address, without limits of its own. */
const toAddress = (name: string, address: string, portValue: number): Cluster => ({
  name,
  type: 'STATIC',
  connectTimeout: '10s',
  loadAssignment: {
    clusterName: name,
    endpoints: [{ lbEndpoints: [{ endpoint: { address: { socketAddress: { address, portValue } } } }] }],
  },
  circuitBreakers: withoutLimits,
});
