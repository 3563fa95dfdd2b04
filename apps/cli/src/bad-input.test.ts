import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { needs } from '@weft/testkit/require';
import { manifest, SmallMesh, until } from './testing/small-mesh.ts';

let mesh: SmallMesh;
beforeEach(() => {
  mesh = new SmallMesh();
});
afterEach(() => mesh.close());

/** `weft up`, to its end. */
const failsWith = async (...args: string[]): Promise<{ code: number; output: string }> => {
  const [code] = (await once(mesh.up(...args), 'exit')) as [number];
  return { code, output: mesh.output };
};

describe('weft up says what is in its way, and answers 1', { skip: needs('linux') }, () => {
  it('a state directory that another weft uses', async () => {
    mesh.up();
    await mesh.ready();
    const second = new SmallMesh();
    const child = second.up('--state-dir', mesh.stateDir);
    const [code] = await once(child, 'exit');
    assert.equal(code, 1);
    assert.match(second.output, /error WEFT0212: .*state is in use by another weft \(pid \d+\); .*--state-dir/);
    await second.close();
  });

  it('a state directory that cannot be written', async () => {
    mesh.write('file', '');
    const { code, output } = await failsWith('--state-dir', 'file/state');
    assert.equal(code, 1);
    assert.match(output, /error WEFT0203: the state directory .*file\/state cannot be written \(ENOTDIR\)/);
  });

  it('a port in use', async (t) => {
    const server = createServer();
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(15012, '127.251.1.1', resolve));
    const { code, output } = await failsWith('--address-block', '127.251.1.0/24');
    assert.equal(code, 1);
    assert.match(output, /error WEFT0201: --address-block 127\.251\.1\.0\/24: 127\.251\.1\.1:15012 is in use/);
  });

  it('manifests without anything to run, or no manifests at all', async () => {
    mesh.write('app.yaml', manifest('x', 1, '[]'));
    const { code, output } = await failsWith();
    assert.equal(code, 1);
    assert.match(output, /app\.yaml:20:11: warning WEFT0207 .*weft\.dev\/command/);
    assert.match(output, /error WEFT0207: none of the 1 workloads/);
    mesh.write('app.yaml', '');
    assert.match((await failsWith()).output, /error WEFT0206: \. holds no Deployment and no Pod; name the folder/);
  });

  it('a data plane for a workload that is not there', async () => {
    const { code, output } = await failsWith('--data-plane', 'default/helo=envoy');
    assert.equal(code, 1);
    assert.match(output, /error WEFT0206: no workload default\/helo/);
  });
});

describe('what one workload lacks does not keep the others from running', { skip: needs('linux') }, () => {
  it('a command that is not found, named with its place in the manifest', async () => {
    mesh.write('other.yaml', manifest('x', 1, '[no-such-program]').replaceAll('name: hello', 'name: other'));
    mesh.up();
    while (!mesh.runFile()?.pods.find((p) => p.workload === 'hello')?.ready || !mesh.output.includes('WEFT0202'))
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(
      mesh.output,
      /other\.yaml:9:1: error WEFT0202 \(Deployment default\/other\): container other: there is no program no-such-program in PATH; set command/,
    );
  });
});

describe('a control plane that cannot start', { skip: needs('linux') }, () => {
  it('is said to be away and why, is tried again, and everything comes up when it can', async (t) => {
    const server = createServer();
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(15014, '127.251.2.1', resolve));
    mesh.up('--address-block', '127.251.2.0/24');
    await until(
      'reported',
      () => /control-plane +\| .*WEFT0201.*127\.251\.2\.1:15014/.test(mesh.output),
      () => mesh.output,
    );
    assert.equal(mesh.runFile()?.ready, false);
    await new Promise((resolve) => server.close(resolve));
    await mesh.ready();
  });
});

describe('the command line', () => {
  it('answers 2 where it cannot be understood', async () => {
    assert.equal((await failsWith('--no-such-option')).code, 2);
    assert.equal((await failsWith('--address-block', '10.0.0.0/8')).code, 2);
    assert.equal((await failsWith('--data-plane', 'catalog')).code, 2);
    assert.match(mesh.output, /--data-plane catalog: write NAMESPACE\/WORKLOAD=envoy/);
  });
});

describe('the launcher', () => {
  it('names the Node that is needed where none came and this one is too old', () => {
    const dir = mkdtempSync(join(tmpdir(), 'weft-launcher-'));
    cpSync(join(import.meta.dirname, '../bin/weft.js'), join(dir, 'weft.mjs'));
    const old = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`;
    const run = spawnSync(process.execPath, ['--import', old, join(dir, 'weft.mjs'), 'version'], { encoding: 'utf8' });
    assert.equal(run.status, 1);
    assert.match(run.stderr, /^error WEFT0204: weft needs Node 24 or newer, this is 20\.20\.2; .*Install Node 24/);
    rmSync(dir, { recursive: true });
  });

  it('uses the Node that runs it where that is new enough', () => {
    const dir = mkdtempSync(join(tmpdir(), 'weft-launcher-'));
    cpSync(join(import.meta.dirname, '../bin'), join(dir, 'bin'), { recursive: true });
    cpSync(join(import.meta.dirname, '../package.json'), join(dir, 'package.json'));
    const program = `console.log(process.execPath, process.argv.slice(2).join(' ')); process.exitCode = 7;`;
    // What it starts where nothing is built; erasable TypeScript as any.
    cpSync(import.meta.filename, join(dir, 'src/main.ts'));
    writeFileSync(join(dir, 'src/main.ts'), program);
    const run = spawnSync(process.execPath, [join(dir, 'bin/weft.js'), 'a', 'b'], { encoding: 'utf8' });
    assert.equal(run.stdout, `${process.execPath} a b\n`);
    assert.equal(run.status, 7);
    rmSync(dir, { recursive: true });
  });

  it('is plain JavaScript for Node 18: no syntax or import that came later', () => {
    const source = readFileSync(join(import.meta.dirname, '../bin/weft.js'), 'utf8');
    assert.doesNotMatch(source, /import\.meta\.(dirname|filename|main)|\busing\b|with \{ type/);
  });
});
