import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process, told from a later one that was given the same number. */
export interface ProcessId {
  readonly pid: number;
  /** When it started, in the system's own words; compared for equality only. Empty: unknown. */
  readonly started: string;
}

/** What the system knows of a process. */
export interface ProcessInfo extends ProcessId {
  readonly parent: number;
  /** Its name, at most 15 characters on Linux. */
  readonly name: string;
}

/** Undefined if there is no such process, or it has ended and waits for its parent (a zombie). */
export const processInfo = (pid: number): ProcessInfo | undefined =>
  process.platform === 'linux' ? fromProc(pid) : fromPs(pid);

export const processId = (pid: number): ProcessId => ({ pid, started: processInfo(pid)?.started ?? '' });

/** Whether the very process still runs. */
export const isSameProcess = ({ pid, started }: ProcessId): boolean => {
  const now = processInfo(pid);
  return now !== undefined && (started === '' || now.started === started);
};

/** `/proc/PID/stat`: pid (name) state ppid … with the start time, in clock ticks since boot, as the 22nd field. */
const fromProc = (pid: number): ProcessInfo | undefined => {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name may hold spaces and brackets: it ends at the last one.
  const nameEnd = stat.lastIndexOf(')');
  const fields = stat.slice(nameEnd + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return {
    pid,
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    parent: Number(fields[1]),
    started: fields[19] ?? '',
  };
};

const fromPs = (pid: number): ProcessInfo | undefined => {
  try {
    const line = execFileSync('ps', ['-o', 'ppid=,lstart=,comm=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const found = /^(\d+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
    if (!found) return undefined;
    return { pid, parent: Number(found[1]), started: found[2] as string, name: found[3] as string };
  } catch {
    return undefined;
  }
};
