import type { Clock } from '@weft/base/clock';
import { isSameProcess, type ProcessId, type ProcessInfo, processInfo } from './process-id.ts';

const POLL_MS = 500;
const SHELLS = new Set(['sh', 'dash', 'bash', 'zsh', 'ash', 'busybox', 'ksh', 'fish']);

/**
 * The processes from `pid`'s parent up to the package manager that started it (`npm run` starts a shell, which starts
 * the script). Empty if none did: then whoever started us may go without taking us along, as with nohup.
 */
export const packageManagerChain = (
  pid: number,
  env: Readonly<Record<string, string | undefined>>,
  info: (pid: number) => ProcessInfo | undefined = processInfo,
): readonly ProcessId[] => {
  if (!env.npm_lifecycle_event) return [];
  const chain: ProcessInfo[] = [];
  for (let parent = info(info(pid)?.parent ?? 0); parent && parent.pid > 1; parent = info(parent.parent)) {
    chain.push(parent);
    const shell = SHELLS.has(parent.name.replace(/^.*\//, '').replace(/^-/, ''));
    // Ours on the way up are `node` (the launcher, the demo); npm names itself, others are what started a shell.
    if (parent.name.startsWith('npm') || (!shell && SHELLS.has(chain.at(-2)?.name ?? ''))) break;
  }
  return chain;
};

/**
 * Calls `onGone` once when one of the processes has ended. A signal tells us of some ends, of a SIGKILL further up nobody
 * does: a shell between does not pass SIGTERM on either.
 */
export const watchProcesses = (processes: readonly ProcessId[], clock: Clock, onGone: () => void): (() => void) => {
  if (processes.length === 0) return () => {};
  const look = (): void => {
    if (processes.every(isSameProcess)) timer = clock.setTimer(POLL_MS, look);
    else onGone();
  };
  let timer = clock.setTimer(POLL_MS, look);
  return () => timer.cancel();
};
