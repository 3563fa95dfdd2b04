import type { ClientTLSSettings } from '@weft/model/kinds/traffic-policy';
import type { Mesh } from '@weft/model/mesh';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import { outboundSni } from '../names.ts';
import { meshClientTls, plaintext } from '../tls.ts';
import type { OutboundTarget } from './outbound.ts';

type Security = Pick<Cluster, 'transportSocket' | 'transportSocketMatches'>;

/**
 * How connections to a cluster are protected. Unless a DestinationRule says otherwise: mutual TLS to endpoints that have
 * a sidecar, plaintext to the others (Istio's automatic mutual TLS). ISTIO_MUTUAL and DISABLE hold for all endpoints.
 * SIMPLE and MUTUAL are not there yet and leave the default, as the model has said.
 */
export const transportSecurity = (
  mesh: Mesh,
  { service, port, subset }: OutboundTarget,
  tls: ClientTLSSettings | undefined,
  identities: readonly string[],
): Security => {
  if (tls?.mode === 'DISABLE') return {};
  const sni = outboundSni(port.port, subset?.name ?? '', service.host);
  if (tls?.mode === 'ISTIO_MUTUAL') {
    const names = tls.subjectAltNames?.length ? tls.subjectAltNames : identities;
    return { transportSocket: meshClientTls(tls.sni || sni, peers(mesh, service.namespace, names)) };
  }
  return {
    transportSocketMatches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transportSocket: meshClientTls(sni, peers(mesh, service.namespace, identities)),
      },
      { name: 'tlsMode-disabled', match: {}, transportSocket: plaintext },
    ],
  };
};

/** A service that no workload belongs to has no identity yet: an empty list would let anyone answer for it. */
const peers = (mesh: Mesh, namespace: string, names: readonly string[]): StringMatcher[] =>
  names.length > 0
    ? names.map((exact) => ({ exact }))
    : [{ prefix: `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/` }];
