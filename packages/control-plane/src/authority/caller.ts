import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { peerSpiffeId } from '@weft/identity/certificate';
import { parseSpiffeId } from '@weft/identity/spiffe';
import type { TrustBundle } from '@weft/identity/trust-bundle';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/**
 * The SPIFFE id that the peer of a connection has proven with a client certificate of ours that is valid now; null
 * where it has shown none, or another. Asked for each call, as a certificate ends while its connection lives.
 */
export const provenSpiffeId = (
  socket: Socket,
  bundle: TrustBundle,
  trustDomain: string,
  nowMs: number,
): string | null => {
  // Through http2's proxy of the socket, which has the class's prototype.
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  if (!certificate || certificate.ca || !certificate.keyUsage?.includes(CLIENT_AUTH)) return null;
  if (!bundle.verifies(certificate, nowMs)) return null;
  const id = peerSpiffeId(certificate.raw);
  return id !== null && parseSpiffeId(id)?.trustDomain === trustDomain ? id : null;
};
