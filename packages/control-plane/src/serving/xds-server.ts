import { constants } from 'node:crypto';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { Clock } from '@weft/base/clock';
import type { Credentials } from '@weft/identity/workload-identity';
import { type GrpcHandler, serveGrpc } from '@weft/xds/grpc';
import { keepAlive } from '@weft/xds/grpc/keep-alive';

/** Names under which Istio's proxies know their control plane; a certificate of ours has them. */
export const CONTROL_PLANE_DNS_NAMES = [
  'istiod.istio-system.svc',
  'istiod.istio-system.svc.cluster.local',
  'istiod.istio-system',
];
export const CONTROL_PLANE_ACCOUNT = { namespace: 'istio-system', serviceAccount: 'istiod' } as const;

/** A proxy whose host went away without a word is given up after twice this long. istiod's default. */
const KEEP_ALIVE_MS = 30_000;

export interface XdsServer {
  readonly server: Http2SecureServer;
  /** For new connections; those that are open keep theirs. */
  setCredentials(credentials: Credentials): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/**
 * gRPC over TLS. A client certificate is asked for and not demanded, as a workload that comes with its bootstrap token
 * has none; each method checks for itself. Sessions are not resumed, so that every connection shows its certificate anew.
 */
export const createXdsServer = (
  credentials: Credentials,
  routes: ReadonlyMap<string, GrpcHandler>,
  clock: Clock,
): XdsServer => {
  const sessions = new Set<ServerHttp2Session>();
  const server = createSecureServer({
    ...tlsOptions(credentials),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET,
    settings: { initialWindowSize: 1 << 20, maxConcurrentStreams: 100 },
  });
  server.on('session', (session) => {
    sessions.add(session);
    const alive = keepAlive(session, clock, KEEP_ALIVE_MS);
    session.on('close', () => {
      alive.cancel();
      sessions.delete(session);
    });
  });
  serveGrpc(server, routes);
  return {
    server,
    setCredentials: (next) => server.setSecureContext(tlsOptions(next)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
};

const tlsOptions = (credentials: Credentials) => ({
  key: credentials.privateKeyPem,
  cert: credentials.chainPem,
  ca: credentials.bundle.pem,
});
