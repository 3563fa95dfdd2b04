import type { TrafficPolicy } from '@weft/model/kinds/traffic-policy';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { ProxyProtocolUpstreamTransport } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/proxy_protocol/v3';
import { plaintext } from '../tls.ts';
import { extension } from '../typed.ts';

type Security = Pick<Cluster, 'transportSocket' | 'transportSocketMatches'>;

/**
 * The PROXY header in front of whatever a cluster's connections are protected with.
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy-ProxyProtocol
 */
export const withProxyProtocol = (security: Security, settings: TrafficPolicy['proxyProtocol']): Security => {
  if (!settings) return security;
  const version = settings.version ?? 'V1';
  const wrap = (socket: TransportSocket): TransportSocket =>
    extension(
      'envoy.transport_sockets.upstream_proxy_protocol',
      'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
      { config: { version }, transportSocket: socket } satisfies ProxyProtocolUpstreamTransport,
    );
  const { transportSocket, transportSocketMatches } = security;
  if (!transportSocketMatches) return { transportSocket: wrap(transportSocket ?? plaintext) };
  return {
    ...(transportSocket && { transportSocket: wrap(transportSocket) }),
    transportSocketMatches: transportSocketMatches.map((match) => ({
      ...match,
      transportSocket: wrap(match.transportSocket ?? plaintext),
    })),
  };
};
