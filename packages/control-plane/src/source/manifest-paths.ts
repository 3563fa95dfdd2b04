import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where manifests are, as found at one moment. */
export interface ManifestPaths {
  /** Files in path order, as the user would name them. */
  readonly files: readonly string[];
  /** Directories to watch, real paths: those that hold the files and those where symbolic links end. */
  readonly directories: readonly string[];
  readonly unreadable: readonly UnreadablePath[];
}

export interface UnreadablePath {
  readonly path: string;
  /** `ENOENT`, `EACCES`, … */
  readonly reason: string;
}

const MANIFEST = /\.(ya?ml|json)$/i;

/**
 * The manifests under `roots`: each a file, or a folder read recursively in path order (`*.yaml`, `*.yml`, `*.json`).
 * Hidden entries (`.git`, `.weft`), `node_modules` and `exclude` are passed over. A folder reached twice, by symbolic
 * links, is read once.
 */
export const findManifests = (roots: readonly string[], exclude: string): ManifestPaths => {
  const files = new Set<string>();
  const directories = new Set<string>();
  const unreadable: UnreadablePath[] = [];
  const entered = new Set<string>();
  const excluded = realpath(exclude);

  const failed = (path: string, error: unknown): void => {
    unreadable.push({ path, reason: (error as NodeJS.ErrnoException).code ?? String(error) });
  };
  /** A path that may be a symbolic link. Its own directory holds the link, its target's the text: either can change. */
  const follow = (path: string, isRoot: boolean): void => {
    try {
      const stat = statSync(path);
      const real = realpathSync(path);
      directories.add(realpathSync(dirname(path)));
      directories.add(dirname(real));
      if (stat.isDirectory()) enter(path, real);
      else if (isRoot || MANIFEST.test(path)) files.add(path);
    } catch (error) {
      // What vanished between listing and looking is gone; what was asked for by name is missed.
      if (isRoot || (error as NodeJS.ErrnoException).code !== 'ENOENT') failed(path, error);
    }
  };
  const enter = (path: string, real: string): void => {
    if (entered.has(real) || real === excluded) return;
    entered.add(real);
    directories.add(real);
    const entries = list(path);
    for (const entry of entries) {
      const { name } = entry;
      if (name.startsWith('.') || name === 'node_modules') continue;
      if (entry.isSymbolicLink()) follow(join(path, name), false);
      else if (entry.isDirectory()) enter(join(path, name), join(real, name));
      else if (MANIFEST.test(name)) files.add(join(path, name));
    }
  };
  const list = (path: string): Dirent[] => {
    try {
      return readdirSync(path, { withFileTypes: true }).sort((x, y) => (x.name < y.name ? -1 : 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') failed(path, error);
      return [];
    }
  };
  for (const root of roots) follow(root, true);
  return { files: [...files].sort(), directories: [...directories], unreadable };
};

const realpath = (path: string): string | null => {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
};
