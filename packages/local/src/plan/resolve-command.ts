import { delimiter, isAbsolute, join } from 'node:path';

/**
 * Where a program is, as `execvp` would find it: a name with a slash from the working directory, else the first in
 * PATH. Undefined if there is none.
 */
export const resolveCommand = (
  name: string,
  cwd: string,
  path: string,
  isExecutable: (file: string) => boolean,
): string | undefined => {
  if (name.includes('/')) {
    const file = isAbsolute(name) ? name : join(cwd, name);
    return isExecutable(file) ? file : undefined;
  }
  return path
    .split(delimiter)
    .map((dir) => join(dir === '' ? cwd : dir, name))
    .find(isExecutable);
};
