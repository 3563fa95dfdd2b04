import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';

export interface EnvoyProcess {
  /** Undefined until the process has begun. */
  readonly pid: number | undefined;
  /** Ends it: asks first, insists after a while. Resolves with `exited`. */
  stop(signal: NodeJS.Signals): Promise<void>;
  /** Its exit code, 128 + the signal's number if a signal ended it. */
  readonly exited: Promise<number>;
}

const KILL_AFTER_MS = 5000;
/** Conventional (128 + n) codes of the signals that end an Envoy. */
const SIGNAL_CODES: Record<string, number> = { SIGINT: 130, SIGKILL: 137, SIGTERM: 143 };

/**
 * Starts Envoy with one worker and without hot restart (so that several can run here), its log on our stderr. Throws
 * WeftError `commandNotFound` if there is none.
 */
export const startEnvoy = async (options: {
  binary: string;
  configPath: string;
  logLevel: string;
  clock: Clock;
}): Promise<EnvoyProcess> => {
  const args = [
    '-c',
    options.configPath,
    '--concurrency',
    '1',
    '--disable-hot-restart',
    '--log-level',
    options.logLevel,
    // Istio's: an access log is at most a second behind (Envoy's default is ten).
    '--file-flush-interval-msec',
    '1000',
    // Istio's as well: a changed listener says at once to its connections that they end, not more and more often over
    // ten minutes. https://www.envoyproxy.io/docs/envoy/latest/operations/cli#cmdoption-drain-strategy
    '--drain-time-s',
    '45',
    '--drain-strategy',
    'immediate',
  ];
  const child = spawn(options.binary, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? SIGNAL_CODES[signal ?? ''] ?? 1));
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new WeftError(
      'commandNotFound',
      `Envoy cannot be started: ${options.binary} (${code}); name the binary with --envoy`,
      { cause: error },
    );
  }
  const guard = guardAgainstOrphan(child);
  void exited.then(() => guard.kill('SIGKILL'));
  return {
    pid: child.pid,
    exited,
    stop: async (signal) => {
      child.kill(signal);
      const insist = options.clock.setTimer(KILL_AFTER_MS, () => child.kill('SIGKILL'));
      await exited;
      insist.cancel();
    },
  };
};

/**
 * Envoy does not notice that its parent was killed. A shell that waits for the end of a pipe that only we hold does,
 * in a process group of its own, which a signal to ours does not reach.
 */
const guardAgainstOrphan = (child: ChildProcess): ChildProcess => {
  const guard = spawn('/bin/sh', ['-c', 'cat >/dev/null; kill -KILL "$0"', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  return guard;
};
