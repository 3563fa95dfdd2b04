import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { ProxyProtocolUpstreamTransport } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/proxy_protocol/v3';
import { fail } from './failure.ts';
import { at, oneOf, onlyKnown, required, typeOf, unpack } from './fields.ts';

export type ProxyProtocolVersion = 0 | 1 | 2;

const TYPE = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';

/** The PROXY header that comes before everything else on a cluster's connections (0: none), and the cluster without that layer. */
export const compileUpstreamProxyProtocol = (
  json: Cluster,
): { readonly proxyProtocol: ProxyProtocolVersion; readonly inner: Cluster } => {
  const own = unwrap(json.transportSocket, 'transportSocket');
  const matches = (json.transportSocketMatches ?? []).map((match, i) => ({
    match,
    ...unwrap(match.transportSocket, at(at('transportSocketMatches', i), 'transportSocket')),
  }));
  const versions = new Set(matches.length > 0 ? matches.map(({ version }) => version) : [own.version]);
  if (versions.size > 1)
    fail('transportSocketMatches', 'must all have the same version of the PROXY protocol, or none');
  const [proxyProtocol = 0] = versions;
  if (proxyProtocol === 0) return { proxyProtocol, inner: json };
  return {
    proxyProtocol,
    inner: {
      ...json,
      ...(own.socket && { transportSocket: own.socket }),
      ...(matches.length > 0 && {
        transportSocketMatches: matches.map(({ match, socket }) => ({
          ...match,
          ...(socket && { transportSocket: socket }),
        })),
      }),
    },
  };
};

const unwrap = (
  json: TransportSocket | undefined,
  path: string,
): { readonly version: ProxyProtocolVersion; readonly socket: TransportSocket | undefined } => {
  if (!json?.typedConfig || typeOf(json.typedConfig) !== TYPE) return { version: 0, socket: json };
  const here = at(path, 'typedConfig');
  const transport = unpack<ProxyProtocolUpstreamTransport>(json.typedConfig);
  onlyKnown(transport, here, ['config', 'transportSocket'], ['allowUnspecifiedAddress']);
  onlyKnown(transport.config ?? {}, at(here, 'config'), ['version']);
  const version = oneOf(transport.config?.version, 'V1', ['V1', 'V2'], at(here, 'config.version'));
  return {
    version: version === 'V1' ? 1 : 2,
    socket: required(transport.transportSocket, at(here, 'transportSocket')),
  };
};
