import type { CompileError } from '../runtime-config.ts';

/** Thrown inside the compile step with the path of the offending field; never leaves it. */
export class CompileFailure extends Error {
  constructor(path: string, problem: string) {
    super(path ? `${path}: ${problem}` : problem);
  }
}

export const fail = (path: string, problem: string): never => {
  throw new CompileFailure(path, problem);
};

/** Runs a compile step; a CompileFailure becomes a value. Anything else that is thrown is a bug and goes on. */
export const compiling = <T>(resource: string, step: () => T): T | CompileError => {
  try {
    return step();
  } catch (error) {
    if (error instanceof CompileFailure) return { resource, message: error.message };
    throw error;
  }
};

export const isCompileError = (result: object): result is CompileError => 'resource' in result && 'message' in result;
