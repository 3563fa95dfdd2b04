import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { startEnvoy } from './envoy-process.ts';

/** A program that says its process id and runs on, whatever it is told to do. */
const script = (t: TestContext, body: string): string => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-envoy-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'envoy');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('an Envoy whose agent is killed is killed too', { timeout: 20_000 }, async (t) => {
  const binary = script(t, 'exec sleep 60');
  const code = `
    import { startEnvoy } from ${JSON.stringify(join(import.meta.dirname, 'envoy-process.ts'))};
    import { systemClock } from '@weft/base/clock';
    const envoy = await startEnvoy({ binary: ${JSON.stringify(binary)}, configPath: 'x', logLevel: 'off', clock: systemClock });
    console.log(String(envoy.pid));`;
  const agent = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  });
  t.after(() => agent.kill('SIGKILL'));
  const pid = Number(String((await once(agent.stdout, 'data'))[0]));
  assert.ok(pid > 0 && isAlive(pid));
  agent.kill('SIGKILL');
  while (isAlive(pid)) await systemClock.sleep(10);
});

test('its exit code is passed on, and so is the signal that ended it', async (t) => {
  const failing = await startEnvoy({
    binary: script(t, 'exit 3'),
    configPath: 'x',
    logLevel: 'off',
    clock: systemClock,
  });
  assert.equal(await failing.exited, 3);
  const running = await startEnvoy({
    binary: script(t, 'exec sleep 60'),
    configPath: 'x',
    logLevel: 'off',
    clock: systemClock,
  });
  await running.stop('SIGTERM');
  assert.equal(await running.exited, 143);
});

test('a binary that is not there is said clearly', async () => {
  await assert.rejects(startEnvoy({ binary: '/nowhere/envoy', configPath: 'x', logLevel: 'off', clock: systemClock }), {
    name: 'WeftError',
    message: 'Envoy cannot be started: /nowhere/envoy (ENOENT); name the binary with --envoy',
  });
});
