import { connect as netConnect, type OnReadOpts, type Socket } from 'node:net';
import { connect as tlsConnect, type SecureContext, type TLSSocket } from 'node:tls';
import type { ClusterConfig } from '@weft/traffic/runtime-config';
import { connectHbone } from './hbone.ts';
import { noNames, type PeerNames } from '@weft/traffic/tls-config';
import type { ClientTls, Host } from '../context.ts';
import { readBuffer } from '../shared-read-buffer.ts';
import { PEER_EXCHANGE, PeerGreetingReader } from '../tcp/peer-exchange.ts';
import { peerOf } from '../tls/peer.ts';

/**
 * A TLS session to resume, and the names of the server it was made with: a resumed handshake shows no certificate, but
 * only who has the session's keys can take part in it.
 */
export interface TlsSession {
  readonly ticket: Buffer;
  readonly names: PeerNames;
  /** Made under these roots and this certificate, and worth nothing under others. */
  readonly context: SecureContext;
  /** When the server's certificate ends, wall clock: the session is not to be resumed after that. */
  readonly notAfterMs: number;
}

/** Hears how a connection that is being made, and then used, fares. Each of the first two is called at most once. */
export interface ConnectionEvents {
  /** `principal`: the server's SPIFFE id, empty without mTLS. Bytes may come from now on. */
  onConnected(principal: string): void;
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** Where the next read goes, asked for after each; left out, the shared buffer. */
  nextBuffer?(): Buffer;
  /** Something for the next connection to the same server to resume. */
  onSession(session: TlsSession): void;
  /** The other side will send no more. */
  onEof(): void;
  onDrain(): void;
  /** The last call. `error` is null if nothing was wrong but the end. */
  onClosed(error: Error | null): void;
}

/** Starts connecting; TLS if `tls` is given, with `session` to resume if there is one. `alpn`: other than the host's. `header`: what goes before everything else. */
export const connectUpstream = (
  host: Host,
  tls: ClientTls | null,
  session: TlsSession | undefined,
  events: ConnectionEvents,
  alpn: readonly string[] = host.tls?.alpn ?? [],
  header: Buffer | null = null,
): Socket => {
  const tunnelPort = host.tls?.tunnelPort ?? 0;
  const socket =
    tls === null
      ? connectPlain(host, events, header)
      : tunnelPort > 0
        ? connectHbone(host, tls, tunnelPort, events, connectUpstream)
        : connectTls(host, tls, session, events, alpn, header);
  let failure: Error | null = null;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('end', () => events.onEof());
  socket.on('drain', () => events.onDrain());
  socket.on('close', () => events.onClosed(failure));
  return socket;
};

const intoSharedBuffer = (events: ConnectionEvents): OnReadOpts => ({
  buffer: events.nextBuffer === undefined ? readBuffer : () => events.nextBuffer?.() ?? readBuffer,
  callback: (length, buffer) => {
    events.onBytes(buffer as Buffer, 0, length);
    return true;
  },
});

/** As `events`, but for the other side's greeting, which is taken off the front. */
const behindGreeting = (events: ConnectionEvents, greetings: Greetings): OnReadOpts => {
  const { buffer, callback } = intoSharedBuffer(events);
  return {
    buffer,
    callback: (length, bytes) => {
      const { reader } = greetings;
      if (reader === null) return callback(length, bytes);
      const rest = reader.push(bytes as Buffer, 0, length);
      if (rest === null) return true;
      greetings.reader = null;
      if (rest.length > 0) events.onBytes(rest, 0, rest.length);
      return true;
    },
  };
};

/** Set while the other side's greeting is awaited. */
interface Greetings {
  reader: PeerGreetingReader | null;
}

const connectPlain = (host: Host, events: ConnectionEvents, header: Buffer | null): Socket => {
  const socket = netConnect({
    ...targetOf(host),
    noDelay: true,
    allowHalfOpen: true,
    onread: intoSharedBuffer(events),
  });
  socket.on('connect', () => {
    if (header !== null) socket.write(header);
    events.onConnected('');
  });
  return socket;
};

const targetOf = (host: Host) => ({
  host: host.address,
  port: host.port,
  ...(host.lookup !== null && { lookup: host.lookup }),
});

/** The header goes out in the clear, before the handshake. */
const connectedWith = (host: Host, header: Buffer): Socket => {
  const socket = netConnect({ ...targetOf(host), noDelay: true, allowHalfOpen: true });
  // Before Node's own listener, which sends the ClientHello.
  socket.on('connect', () => socket.write(header));
  return socket;
};

const halfOpen = { allowHalfOpen: true };

/** Node takes these here as `net.connect` does; its types do not know. */
const netOptions = (onread: OnReadOpts): { allowHalfOpen: true; onread: OnReadOpts } => ({
  allowHalfOpen: true,
  onread,
});

const connectTls = (
  host: Host,
  tls: ClientTls,
  session: TlsSession | undefined,
  events: ConnectionEvents,
  alpn: readonly string[],
  header: Buffer | null,
): TLSSocket => {
  const sni = host.tls?.sni ?? '';
  const greetings: Greetings = { reader: null };
  const resumable = session?.context === tls.secureContext ? session : undefined;
  const onread = behindGreeting(events, greetings);
  const under = header === null ? null : connectedWith(host, header);
  const socket = tlsConnect({
    ...(under === null ? targetOf(host) : { socket: under }),
    secureContext: tls.secureContext,
    // Who has nothing to say does not offer to exchange.
    ALPNProtocols: alpn.filter((protocol) => protocol !== PEER_EXCHANGE || tls.greeting !== null),
    ...(sni && { servername: sni }),
    ...(resumable !== undefined && { session: resumable.ticket }),
    rejectUnauthorized: tls.verifies,
    // Who the server is, its names say (below), as the configuration has them.
    checkServerIdentity: () => undefined,
    ...(under === null ? netOptions(onread) : halfOpen),
  });
  // Over a socket that is there already Node reads into buffers of its own.
  if (under !== null) {
    socket.on('data', (bytes: Buffer) => onread.callback(bytes.length, bytes));
    under.on('error', (error) => socket.destroy(error));
  }
  socket.setNoDelay(true);
  const context = tls.secureContext;
  let names = noNames;
  let notAfterMs = 0;
  socket.on('session', (ticket: Buffer) => events.onSession({ ticket, names, context, notAfterMs }));
  socket.on('secureConnect', () => {
    const resumed = resumable !== undefined && socket.isSessionReused();
    const peer = resumed ? resumable : peerOf(socket);
    names = peer?.names ?? noNames;
    notAfterMs = peer?.notAfterMs ?? 0;
    const principal = tls.verifies ? tls.verifyPeer(names) : '';
    if ((tls.verifies && !socket.authorized) || principal === null) {
      socket.destroy(new Error('TLS_error:|certificate verify failed: SAN matcher'));
      return;
    }
    if (socket.alpnProtocol === PEER_EXCHANGE && tls.greeting !== null) {
      greetings.reader = new PeerGreetingReader();
      socket.write(tls.greeting);
    }
    events.onConnected(tls.mesh ? principal : '');
  });
  return socket;
};

/** Linux's own, where the configuration leaves a number out. */
const KEEPALIVE_TIME_MS = 7_200_000;
const KEEPALIVE_INTERVAL_MS = 75_000;
const KEEPALIVE_PROBES = 9;

/** TCP keep-alive of a connection that is made. */
export const keepAlive = (socket: Socket, config: NonNullable<ClusterConfig['tcpKeepalive']>): void => {
  const { timeMs, intervalMs, probes } = config;
  socket.setKeepAlive(
    true,
    timeMs || KEEPALIVE_TIME_MS,
    intervalMs || KEEPALIVE_INTERVAL_MS,
    probes || KEEPALIVE_PROBES,
  );
};
