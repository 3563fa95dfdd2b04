import { parseDurationMs, protoDuration } from '@weft/base/duration';
import type { ConnectionPoolSettings } from '@weft/model/kinds/traffic-policy';
import type { Mesh, Protocol } from '@weft/model/mesh';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type {
  Http2ProtocolOptions,
  HttpProtocolOptions as CommonOptions,
} from '@weft/xds-api/gen/envoy/config/core/v3';
import type { HttpProtocolOptions } from '@weft/xds-api/gen/envoy/extensions/upstreams/http/v3';
import { any } from '../typed.ts';

/** What requests to a service are spoken in: a version, the client's own, or what the handshake of mutual TLS agrees on. */
export type HttpProtocol = 'http1' | 'http2' | 'client' | 'alpn';

/**
 * Of a port that carries HTTP. As Istio: `h2UpgradePolicy` before `useClientProtocol` before the port's own protocol, and
 * the mesh's policy for ports that say to be HTTP. `multiplex`: between two sidecars that both know how, plain HTTP goes
 * in HTTP/2 whatever client and application speak, unless that is turned off (docs/decisions/0007).
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings-HTTPSettings
 */
export const outboundProtocol = (
  mesh: Mesh,
  port: Protocol,
  http: ConnectionPoolSettings['http'] = {},
  multiplex: boolean,
): HttpProtocol => {
  const upgrade = http.h2UpgradePolicy === 'DEFAULT' ? undefined : http.h2UpgradePolicy;
  if (upgrade === 'UPGRADE') return 'http2';
  if (upgrade === undefined && port !== 'auto' && mesh.meshConfig.h2UpgradePolicy === 'UPGRADE') return 'http2';
  if (http.useClientProtocol) return 'client';
  const own = portProtocol(port);
  return own === 'http1' && multiplex && upgrade !== 'DO_NOT_UPGRADE' ? 'alpn' : own;
};

/** What the application at a port speaks; a port that does not say is spoken to as the client does. */
export const portProtocol = (port: Protocol): HttpProtocol => {
  switch (port) {
    case 'http2':
    case 'grpc':
    case 'grpc-web':
      return 'http2';
    case 'auto':
      return 'client';
    default:
      return 'http1';
  }
};

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Nothing where all is as Envoy has it: HTTP/1.1, without limits of the connections' life. */
export const protocolOptions = (
  protocol: HttpProtocol,
  pool: ConnectionPoolSettings | undefined,
): Pick<Cluster, 'typedExtensionProtocolOptions'> => {
  const common = commonOptions(pool);
  if (protocol === 'http1' && common === undefined) return {};
  return {
    typedExtensionProtocolOptions: {
      [HTTP_OPTIONS]: any(HTTP_OPTIONS, {
        ...(common !== undefined && { commonHttpProtocolOptions: common }),
        ...versions(protocol, http2Options(pool?.http)),
      } satisfies HttpProtocolOptions),
    },
  };
};

const versions = (protocol: HttpProtocol, http2: Http2ProtocolOptions): HttpProtocolOptions => {
  switch (protocol) {
    case 'http1':
      return { explicitHttpConfig: { httpProtocolOptions: {} } };
    case 'http2':
      return { explicitHttpConfig: { http2ProtocolOptions: http2 } };
    case 'client':
      return { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } };
    default:
      return { autoConfig: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } };
  }
};

const commonOptions = (pool: ConnectionPoolSettings | undefined): CommonOptions | undefined => {
  const { maxRequestsPerConnection, idleTimeout } = pool?.http ?? {};
  const maxConnectionDuration = pool?.tcp?.maxConnectionDuration;
  if (!maxRequestsPerConnection && idleTimeout === undefined && maxConnectionDuration === undefined) return undefined;
  return {
    ...(idleTimeout !== undefined && { idleTimeout: duration(idleTimeout) }),
    ...(maxConnectionDuration !== undefined && { maxConnectionDuration: duration(maxConnectionDuration) }),
    ...(maxRequestsPerConnection && { maxRequestsPerConnection }),
  };
};

/** Where a keep-alive says no timeout: Envoy needs one. */
const PING_TIMEOUT = '20s';

const http2Options = (http: ConnectionPoolSettings['http']): Http2ProtocolOptions => {
  const { maxConcurrentStreams, http2KeepAlive } = http ?? {};
  return {
    ...(maxConcurrentStreams && { maxConcurrentStreams }),
    ...(http2KeepAlive && {
      connectionKeepalive: {
        ...(http2KeepAlive.interval !== undefined && { interval: duration(http2KeepAlive.interval) }),
        timeout: http2KeepAlive.timeout === undefined ? PING_TIMEOUT : duration(http2KeepAlive.timeout),
      },
    }),
  };
};

const duration = (text: string): string => protoDuration(parseDurationMs(text) ?? 0);
