import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { processInfo } from '@weft/local/runtime/process-id';
import { envoyBinary, needs } from '@weft/testkit/require';
import { gone, listenersOf, processesOf, SmallMesh } from './testing/small-mesh.ts';

/** npm → sh → launcher → weft. */
const chainOf = (weft: number): { npm: number; launcher: number; weft: number } => {
  const launcher = processInfo(weft)?.parent ?? 0;
  const shell = processInfo(launcher)?.parent ?? 0;
  return { npm: processInfo(shell)?.parent ?? 0, launcher, weft };
};

type Target = keyof ReturnType<typeof chainOf>;

/** Runs a mesh by npm, does something to it, and waits until all of it is gone. */
const endBy = async (end: (chain: ReturnType<typeof chainOf>) => void): Promise<void> => {
  const mesh = new SmallMesh();
  try {
    const npm = mesh.start('npm', ['run', 'up'], { detached: true });
    const run = await mesh.ready();
    const chain = chainOf(run.pid);
    assert.equal(chain.npm, npm.pid, 'npm is where it is expected');
    const processes = [...Object.values(chain), ...processesOf(run)];
    assert.ok(
      processes.length >= 8,
      `weft, control plane, sidecar, application and its child: ${processes.join(', ')}`,
    );
    assert.ok(listenersOf(run).length >= 6, 'the mesh listens');
    end(chain);
    await gone(run, processes);
  } finally {
    await mesh.close();
  }
};

describe('whatever ends, and however it ends, nothing is left behind', { skip: needs('linux') }, () => {
  it('Ctrl-C, which a terminal sends to npm, shell, launcher and weft alike', () =>
    endBy(({ npm }) => process.kill(-npm, 'SIGINT')));

  for (const target of ['npm', 'launcher', 'weft'] satisfies Target[])
    for (const signal of ['SIGTERM', 'SIGKILL'] as const)
      it(`${signal} to ${target}`, () => endBy((chain) => process.kill(chain[target], signal)));
});

describe('an Envoy', { skip: needs('linux', 'envoy') }, () => {
  it('ends with its agent when weft is killed', async () => {
    const mesh = new SmallMesh();
    try {
      mesh.up('--data-plane', 'default/hello=envoy', '--envoy', envoyBinary() ?? '');
      const run = await mesh.ready();
      const processes = processesOf(run);
      assert.ok(
        processes.some((pid) => processInfo(pid)?.name.includes('envoy')),
        'an Envoy runs',
      );
      process.kill(run.pid, 'SIGKILL');
      await gone(run, processes);
    } finally {
      await mesh.close();
    }
  });
});

describe('the exit status', () => {
  it('is 0 after a graceful end, through the launcher', async () => {
    const mesh = new SmallMesh();
    try {
      const launcher = mesh.up();
      await mesh.ready();
      launcher.kill('SIGINT');
      const [code] = await once(launcher, 'exit');
      assert.equal(code, 0);
    } finally {
      await mesh.close();
    }
  });

  it('is 0 with --check once everything is ready', async () => {
    const mesh = new SmallMesh();
    try {
      const [code] = await once(mesh.up('--check'), 'exit');
      assert.equal(code, 0, mesh.output);
      assert.match(mesh.output, /ready in/);
    } finally {
      await mesh.close();
    }
  });
});
