// CPU of a process, finer than the clock ticks of /proc/PID/stat.
import { readdirSync, readFileSync } from 'node:fs';

/** On a CPU so far, user and system, all threads that live; ms. */
export const cpuMs = (pid: number): number => {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e6;
};

/** Resident, MiB. */
export const rssMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** Monotonic, the same for all processes of a machine; ms. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;
