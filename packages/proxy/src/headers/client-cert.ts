import type { Peer } from '../tls/peer.ts';

/**
 * One element of `x-forwarded-client-cert`, as Envoy writes it with `uri` and `subject` set:
 * `By=spiffe://…;Hash=…;Subject="";URI=spiffe://…`
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */
export const clientCertElement = (peer: Peer, ownPrincipal: string): string => {
  const by = ownPrincipal === '' ? '' : `By=${ownPrincipal};`;
  const subject = peer.names.subject.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  const uris = peer.names.uris.map((uri) => `;URI=${uri}`).join('');
  return `${by}Hash=${peer.fingerprint};Subject="${subject}"${uris}`;
};
