import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needs } from '@weft/testkit/require';
import { processInfo } from '../runtime/process-id.ts';
import { nodeSpawner } from './node-spawner.ts';
import type { ExitStatus, ProcessSpec } from './spawner.ts';

const spec = (args: string[], overrides: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name: 'test',
  file: '/bin/sh',
  args,
  env: { PATH: process.env.PATH ?? '' },
  cwd: '/',
  lifeline: 'group',
  graceMs: 1000,
  ...overrides,
});

const run = (s: ProcessSpec) => {
  const lines: string[] = [];
  const exit = Promise.withResolvers<ExitStatus>();
  const firstLine = Promise.withResolvers<string>();
  const child = nodeSpawner.spawn(s, {
    onLine: (line) => {
      lines.push(line);
      firstLine.resolve(line);
    },
    onExit: (status) => exit.resolve(status),
  });
  return { child, lines, firstLine: firstLine.promise, exit: exit.promise };
};

const gone = async (pid: number): Promise<void> => {
  for (let i = 0; i < 200; i++) {
    if (!processInfo(pid)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`process ${pid} still runs`);
};

describe('a process under the watchdog', () => {
  it('passes on its lines and its exit status', async () => {
    const { lines, exit } = run(spec(['-c', 'echo one; printf "two\\r\\n"; printf "%s" "three" >&2; exit 7']));
    assert.deepEqual(await exit, { kind: 'code', code: 7 });
    assert.deepEqual(lines.sort(), ['one', 'three', 'two']);
  });

  it('is itself what a signal reaches', async () => {
    const { child, firstLine, exit } = run(
      spec(['-c', 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.05; done']),
    );
    await firstLine;
    child.terminate();
    assert.deepEqual(await exit, { kind: 'code', code: 3 });
  });

  it('says which signal ended it', async () => {
    const { child, firstLine, exit } = run(spec(['-c', 'echo up; exec sleep 100']));
    await firstLine;
    child.kill();
    assert.deepEqual(await exit, { kind: 'signal', signal: 'SIGKILL' });
  });

  it('takes what it started along when it ends', async () => {
    const { firstLine, exit } = run(spec(['-c', 'sleep 100 & echo $!']));
    const grandchild = Number(await firstLine);
    assert.deepEqual(await exit, { kind: 'code', code: 0 });
    await gone(grandchild);
  });

  it('reports a program or directory that is not there', async () => {
    const { child, exit } = run(spec([], { cwd: '/no/such/directory' }));
    assert.equal(child.pid, 0);
    assert.equal((await exit).kind, 'not-started');
  });
});

describe('when the one who started them is killed', { skip: needs('linux') }, () => {
  it('applications and our own processes end, with what they started and the ports they held', async () => {
    const parent = spawn(process.execPath, [join(import.meta.dirname, '../testing/spawn-and-wait.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const { pids, port } = JSON.parse(chunk.toString()) as { pids: number[]; port: number };
    for (const pid of pids) assert.ok(processInfo(pid), `process ${pid} runs`);
    parent.kill('SIGKILL');
    for (const pid of pids) await gone(pid);
    const socket = connect(port, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
  });
});
