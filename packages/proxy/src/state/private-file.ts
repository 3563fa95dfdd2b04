import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';

/** For the owner alone, from its first byte on. */
const MODE = 0o600;

/**
 * Replaces a file as a whole: a reader, or a process killed in between, sees the old one or the new one. Calls for one
 * path must not overlap.
 */
export const replacePrivateFile = async (path: string, parts: readonly (string | Uint8Array)[]): Promise<void> => {
  const next = `${path}.next`;
  const file = await open(next, 'w', MODE);
  try {
    // One that was left behind keeps its mode.
    await file.chmod(MODE);
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
};

/** Null if there is no such file; throws what is wrong otherwise. */
export const readPrivateFile = (path: string): Buffer | null => {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};
