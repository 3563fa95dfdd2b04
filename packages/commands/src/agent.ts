import { readFileSync } from 'node:fs';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Random } from '@weft/base/random';
import { LineLog } from '@weft/telemetry/log';
import { startAgent } from './agent/start-agent.ts';
import { startGrpcAgent } from './agent/start-grpc-agent.ts';
import { aborted, listenForStop } from './up/stop-signals.ts';

export interface AgentCommandOptions {
  readonly bootstrapFile: string;
  /** Path of Envoy's binary. Default: `envoy`, to be found in PATH. */
  readonly envoy?: string | undefined;
  /** `trace` … `critical`, `off`. Default `warning`. */
  readonly envoyLogLevel?: string | undefined;
  /** Serve proxyless gRPC clients instead of Envoy: where their bootstrap is written. */
  readonly grpcBootstrap?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly writeError: (text: string) => void;
}

/**
 * `weft agent`: runs Envoy as the data plane of one workload, until it ends or a signal ends both, or serves gRPC
 * clients without a proxy until a signal. Answers Envoy's exit code. Throws WeftError where it cannot start.
 */
export const agent = async (options: AgentCommandOptions): Promise<number> => {
  const { clock, random } = options;
  const stop = listenForStop(clock);
  const log = new LineLog(clock, options.writeError);
  try {
    if (options.grpcBootstrap !== undefined) {
      const bootstrap = readBootstrap(options.bootstrapFile);
      const serving = await startGrpcAgent(
        { bootstrap, bootstrapPath: options.grpcBootstrap, clock, random, log },
        stop.graceful,
      );
      await aborted(stop.graceful);
      await serving.close();
      return 0;
    }
    const running = await startAgent(
      {
        bootstrap: readBootstrap(options.bootstrapFile),
        envoy: options.envoy ?? 'envoy',
        envoyLogLevel: options.envoyLogLevel ?? 'warning',
        clock,
        random,
        log,
      },
      stop.graceful,
    );
    const end = (signal: NodeJS.Signals) => (): void => void running.stop(signal);
    if (stop.graceful.aborted) end('SIGTERM')();
    stop.graceful.addEventListener('abort', end('SIGTERM'), { once: true });
    stop.forced.addEventListener('abort', end('SIGKILL'), { once: true });
    const code = await running.exited;
    log.info('Envoy ended', { code });
    return stop.graceful.aborted ? 0 : code;
  } catch (error) {
    // Asked to end while still waiting for a certificate: that is no failure.
    if (stop.graceful.aborted) return 0;
    throw error;
  } finally {
    stop.dispose();
  }
};

const REQUIRED = [
  'trustDomain',
  'discoveryAddress',
  'rootCertFile',
  'tokenFile',
  'adminAddress',
  'healthAddress',
  'metricsAddress',
  'stateDir',
] as const;

const readBootstrap = (path: string): ProxyBootstrap => {
  const refuse = (why: string, cause?: unknown): WeftError =>
    new WeftError('usage', `--bootstrap ${path}: ${why}`, { cause });
  let bootstrap: Partial<ProxyBootstrap>;
  try {
    bootstrap = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProxyBootstrap>;
  } catch (error) {
    throw refuse((error as Error).message, error);
  }
  const missing = REQUIRED.find((field) => typeof bootstrap[field] !== 'string' || bootstrap[field] === '');
  if (missing) throw refuse(`${missing} is missing`);
  if (typeof bootstrap.node?.id !== 'string') throw refuse('node.id is missing');
  return bootstrap as ProxyBootstrap;
};
