import { randomUUID } from 'node:crypto';
import { accessSync, chmodSync, constants, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WeftError } from '@weft/base/errors';

/** What the control plane keeps between runs, and where `weft up` tells it what runs. Directories 0700, files 0600. */
export interface StatePaths {
  readonly directory: string;
  readonly ca: string;
  readonly tokens: string;
  readonly lastGood: string;
  /** A v1 List of Pods, written by whoever starts the workloads. */
  readonly pods: string;
}

/** Makes the directory if need be. Throws WeftError `stateDirUnwritable`. */
export const openStateDir = (directory: string): StatePaths => {
  const paths: StatePaths = {
    directory,
    ca: join(directory, 'ca'),
    tokens: join(directory, 'tokens'),
    lastGood: join(directory, 'last-good.json'),
    pods: join(directory, 'run', 'pods.json'),
  };
  try {
    for (const path of [directory, paths.tokens, dirname(paths.pods)]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.W_OK | constants.X_OK);
    }
    chmodSync(directory, 0o700);
  } catch (error) {
    throw unwritable(directory, error);
  }
  return paths;
};

/** Replaces a file as a whole: a reader sees the old text or the new, also after a crash. */
export const writePrivateFile = (path: string, text: string): void => {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw unwritable(dirname(path), error);
  }
};

const unwritable = (directory: string, error: unknown): WeftError =>
  new WeftError(
    'stateDirUnwritable',
    `the state directory ${directory} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}); give another with --state-dir`,
    { cause: error },
  );
