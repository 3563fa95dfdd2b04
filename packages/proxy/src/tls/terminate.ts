import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TlsContextConfig } from '@weft/traffic/runtime-config';
import type { ProxyContext } from '../context.ts';
import type { Detected } from '../downstream/detect.ts';
import { clientCertElement } from '../headers/client-cert.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { TlsStats } from '../stats/cluster-stats.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { PEER_EXCHANGE } from '../tcp/peer-exchange.ts';
import { clientVerified, peerOf } from './peer.ts';

export interface Terminated {
  readonly socket: TLSSocket;
  /** The mesh's roots vouch for the peer, and its name is acceptable. */
  readonly mtls: boolean;
  /** Its SPIFFE id, or what else a certificate calls it that other roots vouch for; empty without a certificate. */
  readonly principal: string;
  readonly clientCert: string;
  /** What to send first, to a client that wants to know and will say who it is too; else null. */
  readonly greeting: Buffer | null;
}

/** Envoy's default transport_socket_connect_timeout is none; ten seconds is what Istio sets for a whole connection. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * The server's side of a handshake over an accepted connection, whose first bytes were seen already and put back.
 * `alpn`: what is chosen from, the first that the client offers. `done` is called once the peer is who it must be; in every other case the connection is closed, without a word.
 */
export const terminateTls = (
  socket: Socket,
  config: TlsContextConfig,
  alpn: readonly string[],
  detected: Detected,
  context: ProxyContext,
  upstreams: Upstreams,
  stats: TlsStats,
  done: (terminated: Terminated) => void,
): void => {
  const server = context.tls.server(config);
  if (server === null) {
    stats.connection_error++;
    socket.destroy();
    return;
  }
  // Without a protocol in common Node would refuse the handshake; Envoy goes on without one.
  const common = alpn.filter(
    (protocol) => detected.protocols.includes(protocol) && (protocol !== PEER_EXCHANGE || server.greeting !== null),
  );
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: server.contextFor(detected.serverName),
    requestCert: server.asksForCertificate,
    // OpenSSL's verdict is asked for below, where a refusal can be told from an accident.
    rejectUnauthorized: false,
    ...(common.length > 0 && { ALPNProtocols: common }),
  });
  // What the peer is was decided at the handshake; it cannot become another later.
  secure.disableRenegotiation();
  const handshake = new Handshake(secure, upstreams);
  secure.on('error', () => secure.destroy());
  socket.on('error', () => secure.destroy());
  secure.on('close', () => {
    if (!handshake.over) stats.connection_error++;
    handshake.ended();
  });
  secure.once('secure', () => {
    handshake.ended();
    const peer = peerOf(secure);
    const verified = peer !== null && clientVerified(secure) && context.clock.now() < peer.notAfterMs;
    const principal = verified ? server.verifyPeer(peer.names) : null;
    stats.handshake++;
    if (secure.isSessionReused()) stats.session_reused++;
    if (peer === null) stats.no_certificate++;
    if (principal === null && (peer !== null || config.requireClientCertificate)) {
      if (peer === null) stats.fail_verify_no_cert++;
      else if (verified) stats.fail_verify_san++;
      else stats.fail_verify_error++;
      secure.destroy();
      return;
    }
    done({
      socket: secure,
      mtls: server.mesh && principal !== null,
      principal: principal ?? '',
      clientCert: peer === null ? '' : clientCertElement(peer, server.mesh ? context.local.principal : ''),
      greeting: secure.alpnProtocol === PEER_EXCHANGE ? server.greeting : null,
    });
  });
};

class Handshake implements TimerTarget {
  readonly #socket: TLSSocket;
  readonly #upstreams: Upstreams;
  readonly #timer = new WheelTimer(this, 'handshake');
  /** It came to an end, well or not. */
  over = false;

  constructor(socket: TLSSocket, upstreams: Upstreams) {
    this.#socket = socket;
    this.#upstreams = upstreams;
    upstreams.arm(this.#timer, HANDSHAKE_TIMEOUT_MS);
  }

  ended(): void {
    this.over = true;
    this.#upstreams.wheel.disarm(this.#timer);
  }

  onTimer(): void {
    this.#socket.destroy();
  }
}
