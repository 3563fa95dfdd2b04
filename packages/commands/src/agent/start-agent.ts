import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Random } from '@weft/base/random';
import { Scope } from '@weft/base/scope';
import type { Credentials } from '@weft/identity/workload-identity';
import { workloadCertificate } from '@weft/proxy/workload-certificate';
import type { LineLog } from '@weft/telemetry/log';
import { type GrpcHandler, serveGrpc } from '@weft/xds/grpc';
import { AdsSession } from './ads-session.ts';
import { drainEnvoy } from './drain-envoy.ts';
import { envoyBootstrap } from './envoy-bootstrap.ts';
import { type EnvoyProcess, startEnvoy } from './envoy-process.ts';
import { relayAds } from './relay-ads.ts';
import { SecretServer } from './secret-server.ts';

export interface AgentOptions {
  readonly bootstrap: ProxyBootstrap;
  /** Path of the binary. */
  readonly envoy: string;
  /** Envoy's `--log-level`; `warning` if not said. */
  readonly envoyLogLevel: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LineLog;
}

export interface Agent {
  /** Envoy's exit code. */
  readonly exited: Promise<number>;
  /** Ends Envoy, then the agent; what is in flight is given a moment, except by SIGKILL. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Stands between Envoy and the control plane: holds the workload's key, has it certified, serves it to Envoy over a unix
 * socket (0600), and passes Envoy's ADS on over mutual TLS. Resolves when Envoy runs. `signal` gives up waiting for a
 * control plane that is away.
 */
export const startAgent = async (options: AgentOptions, signal?: AbortSignal): Promise<Agent> => {
  const { bootstrap, clock, random, log } = options;
  const scope = new Scope();
  try {
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
    const socketPath = socketPathIn(bootstrap.stateDir, scope);
    await serveOnSocket(socketPath, new Map([...secrets.routes, ...relayAds(() => session.open())]), scope);

    const configPath = join(bootstrap.stateDir, 'envoy-bootstrap.json');
    writeFileSync(configPath, JSON.stringify(envoyBootstrap(bootstrap, socketPath), null, 1), { mode: 0o600 });
    const envoy = await startEnvoy({ binary: options.envoy, configPath, logLevel: options.envoyLogLevel, clock });
    log.info('Envoy started', { pid: envoy.pid ?? 0 });
    return {
      exited: endWith(envoy, scope),
      stop: async (name) => {
        if (name !== 'SIGKILL') await drainEnvoy(bootstrap.adminAddress, DRAIN_MS, clock);
        await envoy.stop(name);
      },
    };
  } catch (error) {
    await scope.close();
    throw error;
  }
};

const endWith = async (envoy: EnvoyProcess, scope: Scope): Promise<number> => {
  const code = await envoy.exited;
  await scope.close();
  return code;
};

/** How long requests in flight may take when Envoy is to end. */
const DRAIN_MS = 3000;

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
