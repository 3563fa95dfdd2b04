// The Nodes that the kit's tests run on, and the kit's code as one of them can read it: Node 20 strips no types.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { build } from 'esbuild';
import { repoRoot } from '@weft/testkit/require';

/** A Node 20 on this machine, outside the checkout; the pinned one is newer. */
export const node20 = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((dir) => !dir.includes('node_modules'))
  .map((dir) => join(dir, 'node'))
  .find((node) => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.startsWith('v20.'));

export const noNode20 = node20 ? false : 'no Node 20 on this machine';

/** A folder from which npm packages of the checkout are found; gone when the process ends. */
export const scratchFolder = (): string => {
  mkdirSync(join(repoRoot, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(repoRoot, '.cache/kit-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Each TypeScript file as JavaScript for Node 20, our packages in it, npm's beside it. Returns the files. */
export const compile = async (files: readonly string[], folder: string): Promise<string[]> => {
  await build({
    entryPoints: [...files],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    plugins: [
      {
        name: 'npm-beside',
        setup({ onResolve }) {
          onResolve({ filter: /^[^./]/ }, ({ path }) => (path.startsWith('@weft/') ? null : { path, external: true }));
        },
      },
    ],
    logLevel: 'warning',
  });
  return files.map((file) => join(folder, basename(file).replace(/\.ts$/, '.mjs')));
};
