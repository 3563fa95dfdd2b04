import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { compile, node20, noNode20, scratchFolder } from './nodes.ts';

interface LogLine {
  readonly msg: string;
  readonly address?: { readonly port: number };
}

for (const [name, node, skip] of [
  ['the pinned Node', process.execPath, false],
  ['Node 20', node20 ?? '', noNode20],
] as const)
  describe(`a service with the kit on ${name}`, { skip }, () => {
    let program = '';
    const children: ChildProcess[] = [];
    before(async () => {
      [program = ''] = await compile([join(import.meta.dirname, 'ending-service.ts')], scratchFolder());
    });
    after(() => {
      for (const child of children) child.kill('SIGKILL');
    });

    /** Resolves when it says that it is ready. */
    const start = async () => {
      const child = spawn(node, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const log: string[] = [];
      const url = await new Promise<string>((resolve, reject) => {
        child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
        createInterface({ input: child.stdout }).on('line', (line) => {
          const { msg, address } = JSON.parse(line) as LogLine;
          log.push(msg);
          if (msg === 'ready') resolve(`http://127.0.0.1:${address?.port}`);
        });
      });
      return { child, url, log, exit: once(child, 'exit') as Promise<[number | null, string | null]> };
    };
    const status = (url: string): Promise<number> =>
      fetch(url).then(
        (response) => response.status,
        () => 0,
      );

    it('fails nobody when it is told to end under load', async () => {
      const { child, url, log, exit } = await start();
      assert.equal(await status(`${url}/readyz`), 200);
      const held = fetch(`${url}/held`).then((response) => response.text());
      let stopping = false;
      let served = 0;
      const load = async (): Promise<void> => {
        // As a proxy does: it sends until it has seen that the service is not ready.
        while (!stopping) {
          assert.equal(await status(`${url}/x`), 200);
          served++;
        }
      };
      const clients = [load(), load(), load()];
      await status(`${url}/x`);
      child.kill('SIGTERM');
      while ((await status(`${url}/readyz`)) !== 503) assert.equal(child.exitCode, null);
      assert.equal(await status(`${url}/healthz`), 200, 'it lives on while it drains');
      stopping = true;
      await Promise.all(clients);
      assert.ok(served > 0);
      assert.equal(await held, 'first last');
      assert.deepEqual(await exit, [0, null]);
      assert.equal(await status(url), 0);
      assert.deepEqual(log.slice(1), [
        'SIGTERM: not ready any more; finishing what is in flight',
        'closing what is behind it',
        'everything is finished',
      ]);
    });

    it('ends at once at the second signal, whatever is in flight', async () => {
      const { child, url, log, exit } = await start();
      const cut = status(`${url}/for-ever`);
      await status(url);
      child.kill('SIGTERM');
      while ((await status(`${url}/readyz`)) !== 503) assert.equal(child.exitCode, null);
      child.kill('SIGTERM');
      assert.deepEqual(await exit, [1, null]);
      assert.equal(await cut, 0);
      assert.equal(log.at(-1), 'SIGTERM again: ending at once');
    });
  });
