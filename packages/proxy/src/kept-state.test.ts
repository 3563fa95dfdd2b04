import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMtlsLoop } from './testing/mtls-loop.ts';
import { ask, until } from './testing/running-proxy.ts';

const kill = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL');
  await once(child, 'exit');
};

const APP_ANSWER = /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a/;

test('control plane and sidecar are killed; the sidecar comes back alone and serves STRICT mutual TLS', async (t) => {
  const { dir, front, back, admin, controlPlane, run, ready, said } = await startMtlsLoop(t);
  const first = run();
  await ready();
  assert.match((await ask(front, '/')).body, APP_ANSWER);
  await until('kept', () => Promise.resolve(existsSync(join(dir, 'configuration.bin'))));

  controlPlane.stop();
  await kill(first);
  run();
  await ready();
  for (let i = 0; i < 20; i++) {
    const { status, body } = await ask(front, `/${i}`);
    assert.equal(status, 200);
    assert.match(body, APP_ANSWER);
  }
  assert.equal((await ask(back, '/')).status, 0, 'plaintext is refused');
  const info = JSON.parse((await ask(admin, '/server_info')).body);
  assert.equal(info.control_plane.kind, 'disconnected');
  assert.match(said(), /kept identity/);
  assert.doesNotMatch(said(), /PRIVATE KEY|secret-token/);
});

test('with a damaged configuration it waits for the control plane, and says so', async (t) => {
  const { dir, front, run, ready, said } = await startMtlsLoop(t);
  const first = run();
  await ready();
  await until('kept', () => Promise.resolve(existsSync(join(dir, 'configuration.bin'))));
  await kill(first);
  writeFileSync(join(dir, 'configuration.bin'), 'garbage');
  run();
  await ready();
  assert.match((await ask(front, '/')).body, APP_ANSWER);
  assert.match(said(), /kept state left aside/);
});
