import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import { describe, it } from 'node:test';
import type { RunFile, RunFilePod } from '@weft/commands/up/run-file';
import { processInfo } from '@weft/local/runtime/process-id';
import { needs } from '@weft/testkit/require';
import { manifest, SmallMesh } from './testing/small-mesh.ts';

/** What the service answers a pod that calls it by name through its sidecar; '' if nothing does. */
const callThrough = (pod: RunFilePod): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(pod.outboundProxyUrl);
    get({ host: hostname, port, path: 'http://hello/', headers: { host: 'hello' }, agent: new Agent() }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(response.statusCode === 200 ? text : ''));
    }).on('error', () => resolve(''));
  });

const eventually = async <T>(what: string, look: () => Promise<T> | T, holds: (value: T) => boolean): Promise<T> => {
  for (let i = 0; i < 400; i++) {
    const value = await look();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never: ${what}; last ${JSON.stringify(await look())}`);
};

describe('a mesh follows its manifests', { skip: needs('linux') }, () => {
  it('replaces what changed, adds and removes replicas, keeps going when a file is broken, restarts what crashes', async () => {
    const mesh = new SmallMesh();
    const pods = (): readonly RunFilePod[] => mesh.runFile()?.pods ?? [];
    const ready = (names: string[]) => (run: RunFile | null) =>
      run?.ready === true && run.pods.map((p) => p.name).join() === names.join();
    try {
      mesh.up();
      const [first] = (await mesh.ready()).pods;
      assert.ok(first);
      await eventually(
        'served',
        () => callThrough(first),
        (text) => text === 'hello',
      );

      mesh.write('app.yaml', manifest('changed'));
      await eventually(
        'replaced',
        () => mesh.runFile(),
        (run) => run?.ready === true && run.pods[0]?.ip !== first.ip,
      );
      const second = pods()[0] as RunFilePod;
      await eventually(
        'changed',
        () => callThrough(second),
        (text) => text === 'changed',
      );
      for (const pid of [...first.pids.apps, first.pids.sidecar])
        await eventually(
          'the old one gone',
          () => processInfo(pid),
          (info) => info === undefined,
        );

      mesh.write('app.yaml', manifest('changed', 2));
      const scaled = await eventually('two', () => mesh.runFile(), ready(['hello-0', 'hello-1']));
      assert.deepEqual(scaled?.pods[0]?.pids, second.pids, 'the first replica was left alone');

      mesh.write('app.yaml', `${manifest('broken')}\n  - [\n`);
      await eventually(
        'reported',
        () => mesh.output,
        (text) => text.includes('WEFT0001'),
      );
      assert.deepEqual(pods()[0]?.pids, second.pids, 'a broken file changes nothing');
      assert.equal(await callThrough(second), 'changed');

      mesh.write('app.yaml', manifest('changed', 1));
      await eventually('one', () => mesh.runFile(), ready(['hello-0']));

      for (const crash of ['sidecar', 'app', 'control plane'] as const) {
        const run = mesh.runFile() as RunFile;
        const pid =
          crash === 'control plane'
            ? run.controlPlane.pid
            : crash === 'app'
              ? pods()[0]?.pids.apps[0]
              : pods()[0]?.pids.sidecar;
        process.kill(pid as number, 'SIGKILL');
        await eventually(
          `${crash} gone`,
          () => processInfo(pid as number),
          (info) => info === undefined,
        );
        await eventually(
          `${crash} restarted`,
          () => mesh.runFile(),
          (r) => r?.ready === true && r.controlPlane.pid > 0,
        );
        await eventually(
          `served after the ${crash} crashed`,
          () => callThrough(second),
          (text) => text === 'changed',
        );
      }
    } finally {
      await mesh.close();
    }
  });
});
