import type { ClientTLSSettings } from '@weft/model/kinds/traffic-policy';
import type { Mesh } from '@weft/model/mesh';
import type { Cluster, Cluster_TransportSocketMatch } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { InternalUpstreamTransport } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/internal_upstream/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import { outboundSni } from '../names.ts';
import { MESH_ALPN, meshClientTls, plaintext } from '../tls.ts';
import { extension } from '../typed.ts';
import type { HttpProtocol } from './http-protocol.ts';
import type { OutboundTarget } from './outbound.ts';
import { ownTls } from './own-tls.ts';

type Security = Pick<Cluster, 'transportSocket' | 'transportSocketMatches'>;

/**
 * How connections to a cluster are protected. Unless a DestinationRule says otherwise: mutual TLS to endpoints that have
 * a sidecar, plaintext to the others (Istio's automatic mutual TLS). ISTIO_MUTUAL and DISABLE hold for all endpoints.
 * SIMPLE and MUTUAL are the service's own TLS.
 */
export const transportSecurity = (
  mesh: Mesh,
  { service, port, subset }: OutboundTarget,
  tls: ClientTLSSettings | undefined,
  identities: readonly string[],
  /** Null: bytes that are no HTTP. */
  protocol: HttpProtocol | null,
  /** The proxy offers, of these, what the request at hand can be spoken in. */
  choosesAlpn: boolean,
  /** Some endpoints take HBONE, and the proxy knows how to. */
  tunnels: boolean,
): Security => {
  if (tls?.mode === 'DISABLE') return {};
  if (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL')
    return { transportSocket: ownTls(service, tls, ownAlpn(protocol, choosesAlpn)) };
  const alpn = alpnOf(protocol, choosesAlpn);
  const sni = outboundSni(port.port, subset?.name ?? '', service.host);
  if (tls?.mode === 'ISTIO_MUTUAL') {
    const names = tls.subjectAltNames?.length ? tls.subjectAltNames : identities;
    return { transportSocket: meshClientTls(tls.sni || sni, peers(mesh, service.namespace, names), alpn) };
  }
  return {
    transportSocketMatches: [
      ...(tunnels ? [throughTunnel(sni, peers(mesh, service.namespace, identities))] : []),
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transportSocket: meshClientTls(sni, peers(mesh, service.namespace, identities), alpn),
      },
      { name: 'tlsMode-disabled', match: {}, transportSocket: plaintext },
    ],
  };
};

/** The TLS of the tunnel; what goes inside is plaintext. The name by which Envoy says that a connection goes inside another. */
const throughTunnel = (sni: string, names: readonly StringMatcher[]): Cluster_TransportSocketMatch => ({
  name: 'hbone',
  match: { tunnel: 'http' },
  transportSocket: extension(
    'envoy.transport_sockets.internal_upstream',
    'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
    { transportSocket: meshClientTls(sni, names, ['h2']) } satisfies InternalUpstreamTransport,
  ),
});

/**
 * What a sidecar offers: Istio's names first, by which the other side knows a sidecar and what it will speak, then those of
 * the protocols themselves, of which it takes one.
 */
const alpnOf = (protocol: HttpProtocol | null, chooses: boolean): readonly string[] => {
  switch (protocol) {
    case 'http1':
      return ['istio-http/1.1', MESH_ALPN, 'http/1.1'];
    case 'http2':
      return ['istio-h2', MESH_ALPN, 'h2'];
    case 'alpn':
      return ANY_HTTP;
    case 'client':
      // Envoy offers the same whatever it will speak, so nothing may be agreed on that is not spoken then.
      return chooses ? ANY_HTTP : [MESH_ALPN];
    default:
      return [MESH_ALPN];
  }
};

/** What is offered to a server outside the mesh. */
const ownAlpn = (protocol: HttpProtocol | null, chooses: boolean): readonly string[] => {
  if (protocol === 'http2') return ['h2'];
  return protocol === 'alpn' || (protocol === 'client' && chooses) ? ['h2', 'http/1.1'] : [];
};

const ANY_HTTP: readonly string[] = ['istio-h2', 'istio-http/1.1', MESH_ALPN, 'h2', 'http/1.1'];

/** A service that no workload belongs to has no identity yet: an empty list would let anyone answer for it. */
const peers = (mesh: Mesh, namespace: string, names: readonly string[]): StringMatcher[] =>
  names.length > 0
    ? names.map((exact) => ({ exact }))
    : [{ prefix: `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/` }];
