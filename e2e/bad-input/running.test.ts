// A control plane that runs while its files are attacked: it stays ready, goes on serving, and what is good still travels.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { needs } from '@weft/testkit/require';
import { startEchoMesh } from '../grpc/echo-mesh.ts';
import { hostileFiles } from './hostile-files.ts';

const DEADLINE_MS = 60_000;
/** Larger ones have their bounds in hostile-files.test.ts. */
const MAX_BYTES = 1 << 20;

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
}

test('hostile files: the control plane stays ready, says what is wrong, and applies what is right', {
  skip: needs('linux'),
}, async (t) => {
  const mesh = await startEchoMesh(t);
  const { statusPort } = mesh.controlPlane;
  const page = async (path: string): Promise<string> => {
    const [response] = (await once(get({ host: '127.0.0.1', port: statusPort, path, agent: false }), 'response')) as [
      IncomingMessage,
    ];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    assert.equal(response.statusCode, 200, path);
    return text;
  };
  const rows = async (): Promise<Row[]> => JSON.parse(await page('/debug/status')) as Row[];
  const folder = join(mesh.directory, 'mesh');
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    for (const deadline = Date.now() + DEADLINE_MS; !(await holds()); await systemClock.sleep(10))
      assert.ok(Date.now() < deadline, mesh.said.slice(-20).join('\n').slice(0, 5000));
  };

  mkdirSync(join(folder, 'not-a-file.yaml'));
  symlinkSync('nowhere', join(folder, 'dangling.yaml'));
  symlinkSync('.', join(folder, 'circle'));
  const hostile = hostileFiles().filter((file) => file.bytes.length < MAX_BYTES);
  const paths = hostile.map((_, i) => join(folder, `hostile-${i}.yaml`));
  for (const [i, path] of paths.entries()) writeFileSync(path, hostile[i]?.bytes ?? '');
  mesh.save('good.yaml', service('good'));
  await until(async () => {
    assert.equal(await page('/ready'), 'ready\n');
    return (await rows()).some((row) => row.name === 'good' && row.state === 'valid');
  });
  await until(async () => !(await page('/metrics')).includes('pilot_total_rejected_configs 0'));
  for (const path of paths) rmSync(path);
  const found = await rows();
  assert.ok(found.some((row) => row.kind === 'VirtualService' && row.state === 'valid'));
  await until(async () => (await page('/metrics')).includes('pilot_total_rejected_configs 0'));
});

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: default }\nspec: { ports: [{ name: http, port: 80 }] }\n`;
