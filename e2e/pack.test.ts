import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packAll } from '../tools/pack.ts';

/** A Node 20 on this machine, outside the checkout; the pinned one is newer. */
const node20 = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((dir) => !dir.includes('node_modules'))
  .map((dir) => join(dir, 'node'))
  .find((node) => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.startsWith('v20.'));

describe('what is published', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-install-'));
    const tarballs = packAll(join(folder, 'tarballs'));
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    execFileSync(
      'npm',
      ['install', '--prefer-offline', '--omit=optional', '--no-audit', '--no-fund', ...tarballs.values()],
      { cwd: folder, stdio: 'pipe' },
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (node: string, script: string): string =>
    execFileSync(node, ['--input-type=module', '-e', script], { cwd: folder, encoding: 'utf8' }).trim();

  it('installs in an empty folder and prints its version', () => {
    const version = execFileSync(process.execPath, [join(folder, 'node_modules/@weft/cli/bin/weft.js'), '--version'], {
      encoding: 'utf8',
    });
    assert.match(version, /\d+\.\d+\.\d+/);
  });

  it('translates a manifest with the packages alone', () => {
    const script = `
      import { loadMesh } from '@weft/model/load';
      const text = 'apiVersion: v1\\nkind: Service\\nmetadata: {name: a}\\nspec: {ports: [{port: 80, name: http}]}\\n';
      console.log([...loadMesh([{ path: 'a.yaml', text }]).mesh.services.keys()].join());`;
    assert.equal(run(process.execPath, script), 'a.default.svc.cluster.local');
  });

  const script =
    "import * as propagation from '@weft/kit/propagation'; console.log(String(JSON.stringify(propagation).includes('traceparent')));";
  it('gives services the kit', () => assert.equal(run(process.execPath, script), 'true'));
  it('gives services the kit on Node 20 too', { skip: node20 ? false : 'no Node 20 on this machine' }, () =>
    assert.equal(run(node20 as string, script), 'true'),
  );
});
