import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeftError } from '@weft/base/errors';
import { acquireLock, type LockFile } from './lock-file.ts';

/** The state directory of one running mesh, locked. Directories are 0700 and files 0600. */
export class StateDir {
  readonly path: string;
  /** Made anew by each run. */
  readonly run: string;
  readonly #lock: LockFile;

  private constructor(path: string, lock: LockFile) {
    this.path = path;
    this.run = join(path, 'run');
    this.#lock = lock;
  }

  /** Throws WeftError `stateDirUnwritable` or `stateDirLocked`. */
  static open(path: string): StateDir {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
      const locking = acquireLock(join(path, 'lock'));
      if (locking.kind === 'held')
        throw new WeftError(
          'stateDirLocked',
          `${path} is in use by another weft${locking.pid ? ` (pid ${locking.pid})` : ''}; end it, or give this one its own with --state-dir`,
        );
      const dir = new StateDir(path, locking.lock);
      rmSync(dir.run, { recursive: true, force: true });
      for (const name of ['', 'bootstrap', 'proxies']) mkdirSync(join(dir.run, name), { recursive: true, mode: 0o700 });
      return dir;
    } catch (error) {
      if (error instanceof WeftError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new WeftError(
        'stateDirUnwritable',
        `the state directory ${path} cannot be written (${code ?? message}); make it writable or name another with --state-dir`,
        { cause: error },
      );
    }
  }

  /** Replaces a file below `run` as a whole: a reader sees the old or the new one. */
  write(name: string, text: string): string {
    const file = join(this.run, name);
    const draft = `${file}.new`;
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, file);
    return file;
  }

  close(): void {
    this.#lock.release();
  }
}
