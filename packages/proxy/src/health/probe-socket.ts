import { connect as netConnect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { noNames } from '@weft/traffic/tls-config';
import type { Host, TlsStore } from '../context.ts';
import { peerOf } from '../tls/peer.ts';

/**
 * A connection of its own for one check, made as those for requests are: with the same TLS, and to a peer that must be
 * who the cluster says. It is destroyed with an error where that fails. `onReady` is called once bytes may be sent.
 */
export const probeSocket = (
  host: Host,
  port: number,
  alpn: readonly string[],
  tls: TlsStore,
  onReady: () => void,
): Socket => {
  const target = { host: host.address, port: port || host.port, ...(host.lookup !== null && { lookup: host.lookup }) };
  if (host.tls === null) return netConnect({ ...target, noDelay: true }, onReady);
  const client = tls.client(host.tls);
  if (client === null) {
    const none = netConnect(target);
    none.destroy(new Error('no certificate yet'));
    return none;
  }
  const { sni } = host.tls;
  const socket = tlsConnect({
    ...target,
    secureContext: client.secureContext,
    rejectUnauthorized: client.verifies,
    ALPNProtocols: [...alpn, ...host.tls.alpn],
    ...(sni && { servername: sni }),
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  socket.on('secureConnect', () => {
    const accepted =
      !client.verifies || (socket.authorized && client.verifyPeer(peerOf(socket)?.names ?? noNames) !== null);
    if (accepted) onReady();
    else socket.destroy(new Error('certificate verify failed'));
  });
  return socket;
};
