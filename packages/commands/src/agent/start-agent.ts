import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scope } from '@weft/base/scope';
import { type AgentSocketOptions, openAgentSocket } from './agent-socket.ts';
import { drainEnvoy } from './drain-envoy.ts';
import { envoyBootstrap } from './envoy-bootstrap.ts';
import { type EnvoyProcess, startEnvoy } from './envoy-process.ts';

export interface AgentOptions extends AgentSocketOptions {
  /** Path of the binary. */
  readonly envoy: string;
  /** Envoy's `--log-level`; `warning` if not said. */
  readonly envoyLogLevel: string;
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
  const { bootstrap, clock, log } = options;
  const scope = new Scope();
  try {
    const { path } = await openAgentSocket(options, scope, signal);
    const configPath = join(bootstrap.stateDir, 'envoy-bootstrap.json');
    writeFileSync(configPath, JSON.stringify(envoyBootstrap(bootstrap, path), null, 1), { mode: 0o600 });
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
