import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client, obtain, page, type Place, place, podList, service, session } from './testing/plane.ts';

interface Process {
  readonly child: ChildProcess;
  readonly xdsPort: number;
  readonly statusPort: number;
}

const startProcess = async (t: TestContext, at: Place): Promise<Process> => {
  const program = join(import.meta.dirname, 'testing/plane-process.ts');
  const child = spawn(process.execPath, [program, at.manifests, at.state], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the control plane ended')));
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
  ended.catch(() => {});
  return { child, ...(JSON.parse(line.toString()) as { xdsPort: number; statusPort: number }) };
};

test('a control plane that is killed the moment a proxy has a change serves that change when it is back, and sends nothing', async (t) => {
  const at = place(t);
  mkdirSync(join(at.state, 'run'), { recursive: true });
  writeFileSync(join(at.state, 'run/pods.json'), podList('reviews'));
  const first = await startProcess(t, at);
  const identity = await obtain(t, at, first.xdsPort, 'reviews');
  const before = new Client(session(t, at, first.xdsPort, identity), 'reviews-0');
  const held = new Map((await before.acknowledge()).resources?.map((r) => [r.name, r.version]));
  at.save(at.manifests, service('reviews') + '---\n' + service('ratings'));
  for (const { name, version } of (await before.next()).resources ?? []) held.set(name, version);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  // What the proxy runs is nowhere but in the journal now.
  at.save(at.manifests, '{ broken');
  const second = await startProcess(t, at);
  const client = new Client(session(t, at, second.xdsPort, identity), 'reviews-0', Object.fromEntries(held));
  const { resources, removedResources } = await client.acknowledge();
  assert.deepEqual([resources ?? [], removedResources ?? []], [[], []]);
  const all = JSON.parse((await page(second.statusPort, '/debug/status')).text) as { name: string; state: string }[];
  assert.deepEqual(
    all
      .filter((row) => row.state === 'frozen')
      .map((row) => row.name)
      .sort(),
    ['ratings', 'reviews'],
  );
});
