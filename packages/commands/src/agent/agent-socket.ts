import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Random } from '@weft/base/random';
import type { Scope } from '@weft/base/scope';
import type { Credentials, WorkloadIdentity } from '@weft/identity/workload-identity';
import { workloadCertificate } from '@weft/proxy/workload-certificate';
import type { LineLog } from '@weft/telemetry/log';
import { type GrpcHandler, serveGrpc } from '@weft/xds/grpc';
import { AdsSession } from './ads-session.ts';
import { relayAds } from './relay-ads.ts';
import { SecretServer } from './secret-server.ts';

export interface AgentSocketOptions {
  readonly bootstrap: ProxyBootstrap;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LineLog;
}

export interface AgentSocket {
  /** 0600. */
  readonly path: string;
  readonly identity: WorkloadIdentity;
  readonly credentials: Credentials;
}

/**
 * Has the workload certified, then opens the socket from which a data plane on this machine gets secrets (SDS) and, over
 * the agent's mutual TLS, its configuration (ADS). `signal` gives up waiting for a control plane that is away.
 */
export const openAgentSocket = async (
  { bootstrap, clock, random, log }: AgentSocketOptions,
  scope: Scope,
  signal?: AbortSignal,
): Promise<AgentSocket> => {
  const identity = workloadCertificate({
    bootstrap,
    clock,
    random,
    onFailure: (error, retryInMs) =>
      log.warning('no certificate yet', { reason: error.message, retryInMs: Math.round(retryInMs) }),
  });
  scope.add(() => identity.stop());
  signal?.addEventListener('abort', () => identity.stop(), { once: true });
  const credentials = await identity.start();
  log.info('certified', { spiffeId: credentials.spiffeId, until: new Date(credentials.notAfterMs).toISOString() });

  const secrets = new SecretServer(clock, credentials);
  identity.onRotated((next: Credentials) => {
    secrets.rotate(next);
    log.info('certificate renewed', { until: new Date(next.notAfterMs).toISOString() });
  });
  const session = new AdsSession(bootstrap.discoveryAddress, () => identity.current ?? credentials);
  scope.add(() => session.close());
  const path = socketPathIn(bootstrap.stateDir, scope);
  await serveOnSocket(path, new Map([...secrets.routes, ...relayAds(() => session.open())]), scope);
  return { path, identity, credentials };
};

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, with the zero at its end. */
const MAX_SOCKET_PATH = 100;

/** In the state directory, or in a directory of its own where that path is too long for a socket. */
const socketPathIn = (stateDir: string, scope: Scope): string => {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, 'agent.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  const directory = mkdtempSync(join(tmpdir(), 'weft-'));
  scope.add(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'agent.sock');
};

const serveOnSocket = async (path: string, routes: ReadonlyMap<string, GrpcHandler>, scope: Scope): Promise<void> => {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  serveGrpc(server, routes);
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  scope.add(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
};
