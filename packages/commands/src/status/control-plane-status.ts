import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeftError } from '@weft/base/errors';
import type { RunFile } from '../up/run-file.ts';
import { getText } from '../up/scrape.ts';

export interface StatusSource {
  /** `http://ADDRESS:15014`; default: of the `weft up` that uses `stateDir`. */
  readonly controlPlane?: string | undefined;
  readonly stateDir: string;
}

/** A page of the control plane's status port. Throws WeftError `controlPlaneAway` where there is none. */
export const readStatus = async <T>(source: StatusSource, path: string): Promise<T> => {
  const url = `${(source.controlPlane ?? urlOf(source.stateDir)).replace(/\/$/, '')}${path}`;
  try {
    return JSON.parse(await getText(url)) as T;
  } catch (error) {
    throw new WeftError('controlPlaneAway', `${(error as Error).message}; is the control plane running?`, {
      cause: error,
    });
  }
};

const urlOf = (stateDir: string): string => {
  const path = join(stateDir, 'run', 'up.json');
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as RunFile).controlPlane.statusUrl;
  } catch (error) {
    throw new WeftError(
      'controlPlaneAway',
      `no weft up runs with ${stateDir} (${(error as NodeJS.ErrnoException).code ?? 'its run file is damaged'}); name its --state-dir, or the control plane with --control-plane URL`,
      { cause: error },
    );
  }
};
