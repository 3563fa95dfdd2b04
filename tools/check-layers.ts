// Do the layer rules bite? Plants one violation of each law in a temporary copy and fails unless each is reported
// there and nothing is reported elsewhere. (With TypeScript 7 installed dependency-cruiser skips .ts and passes all.)
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');

interface Violation {
  readonly rule: string;
  readonly file: string;
  readonly text: string;
}

const plants: Violation[] = [
  { rule: 'rank-of-base', file: 'packages/base/src/planted.ts', text: "import '@weft/model/mesh';" },
  { rule: 'rank-of-model', file: 'packages/model/src/planted-rank.ts', text: "import '@weft/translate/planted';" },
  { rule: 'rank-of-xds', file: 'packages/xds/src/planted-rank.ts', text: "import '@weft/traffic/request';" },
  { rule: 'rank-of-local', file: 'packages/local/src/planted-rank.ts', text: "import '@weft/proxy/context';" },
  {
    rule: 'proxy-not-control-plane',
    file: 'packages/proxy/src/planted.ts',
    text: "import '@weft/control-plane/planted';",
  },
  {
    rule: 'control-plane-not-proxy',
    file: 'packages/control-plane/src/planted.ts',
    text: "import '@weft/proxy/context';",
  },
  {
    rule: 'proxy-not-model',
    file: 'packages/proxy/src/planted-model.ts',
    text: "import type { Mesh } from '@weft/model/mesh';\nexport type M = Mesh;",
  },
  { rule: 'xds-not-model', file: 'packages/xds/src/planted.ts', text: "import '@weft/model/mesh';" },
  { rule: 'kit-not-model', file: 'packages/kit/src/planted.ts', text: "import '@weft/model/mesh';" },
  {
    rule: 'no-node-builtins',
    file: 'packages/traffic/src/planted.ts',
    text: "import { readFileSync } from 'node:fs';\nreadFileSync('x');",
  },
  { rule: 'no-sockets', file: 'packages/wire/src/planted.ts', text: "import 'node:net';" },
  { rule: 'no-node-http-in-the-data-path', file: 'packages/proxy/src/planted-http.ts', text: "import 'node:http';" },
  {
    rule: 'xds-messages-at-the-edge',
    file: 'packages/proxy/src/planted-xds.ts',
    text: "import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';\nexport type C = Cluster;",
  },
  { rule: 'testkit-in-tests-only', file: 'packages/local/src/planted.ts', text: "import '@weft/testkit/golden';" },
  { rule: 'no-unresolved', file: 'packages/base/src/planted-missing.ts', text: "import './does-not-exist.ts';" },
  { rule: 'no-cycles', file: 'packages/base/src/planted-cycle.ts', text: "import './planted-cycle-b.ts';" },
];
const helpers = {
  'packages/translate/src/planted.ts': 'export const planted = 1;',
  'packages/base/src/planted-cycle-b.ts': "import './planted-cycle.ts';",
};

const dir = mkdtempSync(join(tmpdir(), 'weft-layers-'));
try {
  for (const name of ['packages', 'apps', 'tools', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(dir, name), {
      recursive: true,
      filter: (path) => !/\/(dist|node_modules|goldens)$/.test(path),
    });
  // Packages are found through links as npm makes them; everything else is the real node_modules.
  mkdirSync(join(dir, 'node_modules/@weft'), { recursive: true });
  for (const name of [
    'typescript',
    'yaml',
    'zod',
    're2js',
    'commander',
    'picocolors',
    '@types',
    '@grpc',
    '@bufbuild',
    'fast-check',
    'esbuild',
    'pino',
    'prom-client',
    'express',
    'fastify',
  ])
    symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name));
  for (const name of Object.keys((await import('./layers.ts')).rank).concat('testkit'))
    symlinkSync(join(dir, 'packages', name), join(dir, 'node_modules/@weft', name));
  for (const [file, text] of [...plants.map((p) => [p.file, p.text] as const), ...Object.entries(helpers)]) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), `${text}\n`);
  }
  const run = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      'tools/dependency-cruiser.mjs',
      '--output-type',
      'json',
      'packages',
      'apps',
    ],
    { cwd: dir, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (!run.stdout.startsWith('{')) throw new Error(`dependency-cruiser did not run: ${run.stderr}`);
  const reported = (JSON.parse(run.stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } })
    .summary.violations;
  let failed = false;
  for (const p of plants) {
    const seen = reported.some((v) => v.rule.name === p.rule && v.from.startsWith(p.file.replace(/\.ts$/, '')));
    if (!seen) {
      failed = true;
      console.error(`not reported: ${p.rule} in ${p.file}`);
    }
  }
  for (const v of reported.filter((r) => !r.from.includes('planted'))) {
    failed = true;
    console.error(`reported where nothing was planted: ${v.rule.name} in ${v.from}`);
  }
  console.log(`${plants.length} planted violations${failed ? '' : ', each reported'}`);
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
