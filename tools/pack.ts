// npm run pack [DIR]: what is published, as tarballs. Development runs TypeScript as it is; what is published is
// JavaScript with d.ts, because Node refuses to strip types below node_modules.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');

interface Manifest {
  name: string;
  private?: boolean;
  exports?: unknown;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  [field: string]: unknown;
}
const readManifest = (dir: string): Manifest => JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest;

/** Packs every public package into `outDir` and returns the tarballs by package name. */
export const packAll = (outDir: string): Map<string, string> => {
  const staging = mkdtempSync(join(tmpdir(), 'weft-pack-'));
  try {
    const config = join(root, 'tsconfig.publish.json');
    execFileSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', config, '--outDir', join(staging, 'emit')],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const directories = globSync('{packages,apps}/*/package.json', { cwd: root }).map((p) => join(root, dirname(p)));
    const tarballs = new Map<string, string>();
    const stages: string[] = [];
    mkdirSync(outDir, { recursive: true });
    for (const dir of directories) {
      const manifest = readManifest(dir);
      if (manifest.private) continue;
      const stage = join(staging, manifest.name);
      mkdirSync(stage, { recursive: true });
      for (const file of ['README.md', 'LICENSE']) {
        const from = [join(dir, file), join(root, file)].find((p) => existsSync(p));
        if (from) cpSync(from, join(stage, file));
      }
      if (manifest.name === '@weft/cli') {
        // The command is its bundles: nothing to install but the Node it runs on.
        cpSync(join(dir, 'bin'), join(stage, 'bin'), { recursive: true });
        cpSync(join(dir, 'dist'), join(stage, 'dist'), { recursive: true });
        delete manifest.dependencies;
        manifest.optionalDependencies = readManifest(root).optionalDependencies ?? {};
      } else {
        cpSync(join(staging, 'emit', dir.slice(root.length + 1), 'src'), join(stage, 'dist'), { recursive: true });
        manifest.exports = { './*': { types: './dist/*.d.ts', default: './dist/*.js' } };
      }
      writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
      stages.push(stage);
    }
    // One npm for all of them: each start costs half a second.
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', resolve(outDir), ...stages], {
      cwd: staging,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const entries = Object.values(JSON.parse(packed) as Record<string, { name: string; filename: string }>);
    for (const { name, filename } of entries) tarballs.set(name, join(resolve(outDir), filename));
    return tarballs;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
};

if (import.meta.main) for (const [name, file] of packAll(process.argv[2] ?? 'dist')) console.log(`${name}  ${file}`);
