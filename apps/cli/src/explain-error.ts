import { errors, WeftError } from '@weft/base/errors';
import { CommanderError } from 'commander';

/** Says what went wrong and answers the exit code (DESIGN section 8): 1, or 2 for a command line not understood. */
export const explainError = (error: unknown, writeError: (text: string) => void): number => {
  // Commander has said it already; asking for help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof WeftError)) {
    writeError(`error: ${(error as Error).stack ?? String(error)}\n`);
    return 1;
  }
  writeError(`error ${error.kind.code}: ${error.message}\n`);
  return error.kind === errors.usage ? 2 : 1;
};
