import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { systemClock } from '@weft/base/clock';
import { isSameProcess, type ProcessId, processId } from './process-id.ts';

export interface LockFile {
  release(): void;
}

export type Locking =
  | { readonly kind: 'locked'; readonly lock: LockFile }
  | { readonly kind: 'held'; readonly pid: number };

/** How old a half-done take-over must be to belong to someone who died in it. */
const TAKE_OVER_STALE_MS = 10_000;

/**
 * Takes a lock that is a file with the holder's process id. The file appears with its content at once (`link`), so nobody
 * reads a half-written one. A holder that has died is taken over; a process id given to another process since does
 * not count, as the start time is compared too.
 */
export const acquireLock = (path: string, self: ProcessId = processId(process.pid)): Locking => {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(self), { mode: 0o600, flag: 'wx' });
  try {
    if (tryLink(draft, path)) return { kind: 'locked', lock: lockFile(path, self) };
    const holder = readHolder(path);
    if (holder && isSameProcess(holder)) return { kind: 'held', pid: holder.pid };
    return takeOver(draft, path, self);
  } finally {
    rmSync(draft, { force: true });
  }
};

/** Two that find the same dead holder must not remove each other's new lock: one at a time, and look again. */
const takeOver = (draft: string, path: string, self: ProcessId): Locking => {
  const gate = `${path}.take-over`;
  try {
    mkdirSync(gate);
  } catch {
    if (!isOld(gate)) return { kind: 'held', pid: 0 };
  }
  try {
    const holder = readHolder(path);
    if (holder && isSameProcess(holder)) return { kind: 'held', pid: holder.pid };
    rmSync(path, { force: true });
    return tryLink(draft, path) ? { kind: 'locked', lock: lockFile(path, self) } : { kind: 'held', pid: 0 };
  } finally {
    rmSync(gate, { recursive: true, force: true });
  }
};

const tryLink = (draft: string, path: string): boolean => {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

const readHolder = (path: string): ProcessId | null => {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as ProcessId;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : null;
  } catch {
    return null;
  }
};

const isOld = (path: string): boolean => {
  try {
    const { mtimeMs } = statSync(path);
    return systemClock.now() - mtimeMs > TAKE_OVER_STALE_MS;
  } catch {
    return true;
  }
};

const lockFile = (path: string, self: ProcessId): LockFile => ({
  release() {
    const holder = readHolder(path);
    if (holder?.pid === self.pid && holder.started === self.started) rmSync(path, { force: true });
  },
});
