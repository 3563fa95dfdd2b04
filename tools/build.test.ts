import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { compileRegex as CompileRegex } from '@weft/traffic/regex';
import { build } from 'esbuild';
import { buildAll, lazyRe2js, proxyBundle } from './build.ts';

const root = join(import.meta.dirname, '..');

test('a built tree is not built again, and the proxy’s bundle needs nothing but Node', async () => {
  await buildAll();
  assert.equal(await buildAll(), false);
  const required = readFileSync(proxyBundle, 'utf8').matchAll(/\brequire\("([^"]+)"\)/g);
  const foreign = [...required].map(([, name]) => name as string).filter((name) => !name.startsWith('node:'));
  assert.deepEqual(foreign, []);
});

test('the RE2 that is loaded late is the real one', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-build-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const outfile = join(dir, 'regex.cjs');
  const entry = join(root, 'packages/traffic/src/regex.ts');
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'cjs', plugins: [lazyRe2js] });
  const { compileRegex } = createRequire(outfile)(outfile) as { compileRegex: typeof CompileRegex };
  const pattern = compileRegex('(a|b)+c{2,3}\\w*');
  assert.deepEqual(
    ['abcc', 'abcccx', 'abc', 'cc'].map((v) => pattern.matches(v)),
    [true, true, false, false],
  );
  assert.throws(() => compileRegex('(?=x)(y'), /x|y/);
});
