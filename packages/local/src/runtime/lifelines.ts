import { Socket } from 'node:net';
import type { Clock } from '@weft/base/clock';
import { packageManagerChain, watchProcesses } from './ancestors.ts';

export interface LifelineOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether to end when standard input does: whoever started us holds the other end. */
  readonly stdin: boolean;
  readonly clock: Clock;
}

/**
 * Calls `onLost` once when whoever started us has ended, however: the launcher (a pipe whose number is in
 * `WEFT_LIFELINE_FD`), a parent that holds our standard input, or npm and the shell between, which pass on neither a
 * pipe nor, some of them, a signal. None of these keeps the process alive.
 */
export const watchLifelines = ({ env, stdin, clock }: LifelineOptions, onLost: () => void): void => {
  let lost = false;
  const once = (): void => {
    if (lost) return;
    lost = true;
    onLost();
  };
  const fd = Number(env.WEFT_LIFELINE_FD);
  if (env.WEFT_LIFELINE_FD !== undefined && Number.isInteger(fd) && fd > 2) watchPipe(fd, once);
  if (stdin) {
    process.stdin.on('end', once).on('error', once).resume();
    if ('unref' in process.stdin) process.stdin.unref();
  }
  watchProcesses(packageManagerChain(process.pid, env), clock, once);
};

const watchPipe = (fd: number, onEnd: () => void): void => {
  try {
    const pipe = new Socket({ fd, readable: true, writable: false });
    pipe.on('end', onEnd).on('error', onEnd).resume();
    pipe.unref();
  } catch {
    // Not ours: the variable was inherited by someone who lacks the pipe.
  }
};
