import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { packageManagerChain, watchProcesses } from './ancestors.ts';
import { processId } from './process-id.ts';

const tree = (...rows: [pid: number, parent: number, name: string][]) => {
  const infos = new Map(rows.map(([pid, parent, name]) => [pid, { pid, parent, name, started: String(pid) }]));
  return (pid: number) => infos.get(pid);
};
const npm = { npm_lifecycle_event: 'demo' };

describe('the chain up to the package manager', () => {
  const info = tree(
    [50, 40, 'node'],
    [40, 30, 'node'],
    [30, 20, 'sh'],
    [20, 10, 'npm run demo'],
    [10, 5, 'bash'],
    [5, 1, 'sshd'],
  );
  it('leads through the launcher and the shell to npm, and no further', () => {
    assert.deepEqual(
      packageManagerChain(50, npm, info).map((p) => p.pid),
      [40, 30, 20],
    );
  });
  it('leads to what started the shell where that does not call itself npm', () => {
    const pnpm = tree([50, 40, 'node'], [40, 30, 'node'], [30, 20, 'sh'], [20, 10, 'node'], [10, 5, 'bash']);
    assert.deepEqual(
      packageManagerChain(50, npm, pnpm).map((p) => p.pid),
      [40, 30, 20],
    );
  });
  it('is empty where no package manager started us, so that a shell may end before us', () => {
    assert.deepEqual(packageManagerChain(50, {}, info), []);
  });
});

describe('watching processes', () => {
  it('tells once when one of them has ended, although nobody signals us', async () => {
    const clock = new FakeClock();
    const child = spawn('/bin/sleep', ['100']);
    let told = 0;
    watchProcesses([processId(process.pid), processId(child.pid as number)], clock, () => told++);
    await clock.advance(2000);
    assert.equal(told, 0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await clock.advance(2000);
    assert.equal(told, 1);
  });
});
