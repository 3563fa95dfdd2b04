import { accessSync, chmodSync, constants, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { WeftError } from '@weft/base/errors';
import { CA_DRAFT } from '../authority/root-store.ts';
import { isDraftOf } from './state-files.ts';

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
    lastGood: join(directory, 'last-good.jsonl'),
    pods: join(directory, 'run', 'pods.json'),
  };
  try {
    for (const path of [directory, paths.tokens, dirname(paths.pods)]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.W_OK | constants.X_OK);
    }
    chmodSync(directory, 0o700);
    sweepDrafts(paths);
  } catch (error) {
    throw unwritable(directory, error);
  }
  return paths;
};

/** Removes what a killed run had begun to write: drafts of files, and of the authority with its key. */
const sweepDrafts = ({ directory, lastGood }: StatePaths): void => {
  for (const name of readdirSync(directory))
    if (name.startsWith(CA_DRAFT) || isDraftOf(name, basename(lastGood)))
      rmSync(join(directory, name), { recursive: true, force: true });
};

const unwritable = (directory: string, error: unknown): WeftError =>
  new WeftError(
    'stateDirUnwritable',
    `the state directory ${directory} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}); give another with --state-dir`,
    { cause: error },
  );
