import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';

/**
 * The system calls by which state reaches the disk, as one object: a test ends the process at any of them. Each throws
 * as node:fs does.
 */
export interface StateFiles {
  readonly read: (path: string) => Buffer;
  /** `append` makes the file if there is none, `create` fails where there is one. Mode 0600. Answers a descriptor. */
  readonly open: (path: string, how: 'append' | 'create') => number;
  /** Answers how much was written, which may be less than all. */
  readonly write: (fd: number, bytes: Uint8Array) => number;
  /** Contents reach the disk. */
  readonly sync: (fd: number) => void;
  readonly close: (fd: number) => void;
  readonly rename: (from: string, to: string) => void;
  /** Names made or changed in a directory reach the disk. */
  readonly syncDirectory: (path: string) => void;
  /** Does nothing where there is none. */
  readonly remove: (path: string) => void;
}

export const systemFiles: StateFiles = {
  read: (path) => readFileSync(path),
  open: (path, how) => openSync(path, how === 'append' ? 'a' : 'wx', 0o600),
  write: (fd, bytes) => writeSync(fd, bytes),
  sync: (fd) => fdatasyncSync(fd),
  close: (fd) => closeSync(fd),
  rename: (from, to) => renameSync(from, to),
  syncDirectory: (path) => {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  remove: (path) => rmSync(path, { force: true }),
};

export const writeAll = (files: StateFiles, fd: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at += files.write(fd, at === 0 ? bytes : bytes.subarray(at));
};

/** `draftName(path)` is where a file is written before it takes the place of the one at `path`. */
export const draftName = (path: string): string => `${path}.${randomUUID()}`;
export const isDraftOf = (name: string, of: string): boolean =>
  name.startsWith(`${of}.`) && name.length === of.length + 37;

/** Replaces a file as a whole: whoever reads it, also after a crash or a power failure, sees the old text or the new. */
export const replaceFile = (files: StateFiles, path: string, bytes: Uint8Array): void => {
  const draft = draftName(path);
  try {
    const fd = files.open(draft, 'create');
    try {
      writeAll(files, fd, bytes);
      files.sync(fd);
    } finally {
      files.close(fd);
    }
    files.rename(draft, path);
  } catch (error) {
    files.remove(draft);
    throw error;
  }
  files.syncDirectory(dirname(path));
};
