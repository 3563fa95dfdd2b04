import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repoRoot } from '@weft/testkit/require';
import { scratchFolder } from './nodes.ts';

/** Programs of the page: each `ts` block is one, and begins with its name. */
const programs = [
  ...readFileSync(join(repoRoot, 'docs/kit.md'), 'utf8').matchAll(/^```ts\n\/\/ (\S+\.ts)\n([\s\S]*?)^```$/gm),
].map(([, name, text]) => ({ name: name as string, text: text as string }));
const isServer = (text: string): boolean => /kit\.serve\(|serveFastify\(/.test(text);

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
};

describe('docs/kit.md', () => {
  const folder = scratchFolder();
  const children: ChildProcess[] = [];
  before(() => {
    for (const { name, text } of programs) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'], exclude: [] }),
    );
  });
  after(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('has programs, each named', () => {
    const blocks = readFileSync(join(repoRoot, 'docs/kit.md'), 'utf8').match(/^```ts$/gm) ?? [];
    assert.equal(programs.length, blocks.length);
    assert.ok(programs.length >= 8);
  });

  it('has programs that the compiler accepts', () => {
    const tsc = join(repoRoot, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  });

  const start = (name: string, env: Record<string, string>): ChildProcess => {
    const child = spawn(process.execPath, [name], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    child.stdout?.resume();
    return child;
  };

  for (const { name } of programs.filter(({ text }) => isServer(text)))
    it(`has ${name}, which serves, is ready, and ends with 0 on Ctrl-C`, async () => {
      const port = String(await freePort());
      const child = start(name, { PORT: port, HOST: '127.0.0.1', CATALOG_URL: 'http://127.0.0.1:1/' });
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const url = `http://127.0.0.1:${port}`;
      while (
        (await fetch(`${url}/readyz`).then(
          (r) => r.status,
          () => 0,
        )) !== 200
      ) {
        assert.equal(child.exitCode, null, said);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.equal((await fetch(`${url}/books/7`)).status, name === 'canary.ts' ? 502 : 200);
      assert.match(
        await (await fetch(`${url}/metrics`)).text(),
        /^http_requests_total\{method="GET",route="[^"]+",status="\d+"\} 1$/m,
      );
      child.kill('SIGINT');
      assert.deepEqual(await once(child, 'exit'), [0, null], said);
    });

  for (const { name } of programs.filter(({ text }) => !isServer(text)))
    it(`has ${name}, which runs`, async () => {
      const child = start(name, {});
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      assert.deepEqual(await once(child, 'exit'), [0, null], said);
    });
});
