// npm run build [-- --quiet]: what ships, as bundles in apps/cli/dist. Each is one file of JavaScript with nothing to
// install but Node: type stripping alone costs a process 18 MB. Does nothing if no source is newer than the bundles.
//   weft-proxy.cjs  the data plane and nothing else, as small as it gets: every sidecar is a process with it
//   weft-proxy.json how it is started: flags of Node and environment
//   weft.mjs        the `weft` command with everything; parts are loaded when a command needs them (chunks/)
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { proxyEnvironment, proxyNodeFlags } from '../packages/proxy/src/process-settings.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'apps/cli/dist');
/** Written last, so that half a build is not taken for a whole one. */
const stamp = join(dist, '.built');

export const proxyBundle = join(dist, 'weft-proxy.cjs');

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * 150 KB of tables that most proxies never need: loaded with the first regular expression that is not simple. The proxy
 * stands for the class and becomes it when a property is asked for.
 */
export const lazyRe2js: Plugin = {
  name: 'lazy-re2js',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^re2js$/ }, ({ path }) => ({ path, namespace: 'lazy' }));
    onResolve({ filter: /^real-re2js$/ }, async ({ resolveDir }) => ({
      path: createRequire(join(resolveDir, 'x')).resolve('re2js'),
    }));
    onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      resolveDir: join(root, 'packages/traffic'),
      contents: "export const RE2JS = new Proxy({}, { get: (_, name) => require('real-re2js').RE2JS[name] });",
    }));
  },
};

const bundles: BuildOptions[] = [
  {
    ...shared,
    entryPoints: ['packages/proxy/src/main.ts'],
    outfile: proxyBundle,
    // An ES module's `import` of a builtin reads all that it exports, and thereby loads what Node would load later:
    // for node:http all of undici, 16 MB. `require` does not.
    format: 'cjs',
    minifyIdentifiers: true,
    plugins: [lazyRe2js],
  },
  {
    ...shared,
    entryPoints: { weft: 'apps/cli/src/main.ts' },
    outdir: dist,
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    // Packages written as CommonJS look for `require`.
    banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
  },
];

/** Read by `apps/cli/bin/weft.js`, which is not built. */
const proxySettings = { flags: proxyNodeFlags, env: proxyEnvironment };

const sources = [
  'packages/*/src/**/*.ts',
  'apps/cli/src/**/*.ts',
  'packages/*/package.json',
  'package-lock.json',
  'tools/build.ts',
];

const upToDate = (): boolean => {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return globSync(sources, { cwd: root }).every((file) => statSync(join(root, file)).mtimeMs < built);
};

/**
 * Builds unless up to date; answers whether it did. Each file is replaced at once, so that a weft that is started
 * meanwhile finds the old one or the new one. Chunks that nothing refers to any more are removed.
 */
export const buildAll = async (): Promise<boolean> => {
  if (upToDate()) return false;
  const started = new Date();
  mkdirSync(join(dist, 'chunks'), { recursive: true });
  const results = await Promise.all(bundles.map((options) => build({ ...options, write: false })));
  const files = results.flatMap(({ outputFiles }) => outputFiles ?? []);
  // Entries last: what they refer to is then there.
  for (const { path, contents } of files.toSorted((a, b) => b.path.length - a.path.length)) {
    writeFileSync(`${path}.${process.pid}`, contents);
    renameSync(`${path}.${process.pid}`, path);
  }
  const kept = new Set(files.map(({ path }) => path));
  for (const file of globSync('chunks/*', { cwd: dist })) if (!kept.has(join(dist, file))) rmSync(join(dist, file));
  writeFileSync(join(dist, 'weft-proxy.json'), JSON.stringify(proxySettings));
  writeFileSync(stamp, '');
  // What was saved while it was built is not in it.
  utimesSync(stamp, started, started);
  return true;
};

if (import.meta.main) {
  const quiet = process.argv.includes('--quiet');
  const started = performance.now();
  const built = await buildAll();
  if (!quiet)
    console.log(built ? `built ${dist} in ${Math.round(performance.now() - started)} ms` : `${dist} is up to date`);
}
