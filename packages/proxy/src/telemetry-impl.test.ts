import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from '@weft/telemetry/metrics';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { AccessRecord } from './telemetry.ts';
import { RegistryTelemetry } from './telemetry-impl.ts';

const record = { method: 'GET', path: '/', responseCode: 200 } as AccessRecord;

const start = (t: TestContext) => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-log-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new FakeClock();
  const registry = new Registry();
  return { path: join(dir, 'access.log'), dir, clock, registry, telemetry: new RegistryTelemetry(registry, clock) };
};

test('records are written together a second later, to a file that only its owner may read', async (t) => {
  const { path, clock, telemetry } = start(t);
  const log = telemetry.accessLog(path, { encoding: 'TEXT', text: '%REQ(:METHOD)% %RESPONSE_CODE%\n' });
  log.write(record);
  log.write({ ...record, method: 'PUT' });
  await clock.advance(999);
  assert.throws(() => statSync(path), { code: 'ENOENT' });
  await clock.advance(1);
  await telemetry.flush();
  assert.equal(readFileSync(path, 'utf8'), 'GET 200\nPUT 200\n');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(clock.pending, 0);
});

test('a full batch does not wait, and flush writes what is left', async (t) => {
  const { path, telemetry } = start(t);
  const log = telemetry.accessLog(path, { encoding: 'TEXT', text: '%RESPONSE_CODE%\n' });
  for (let i = 0; i < 300; i++) log.write(record);
  await telemetry.flush();
  assert.equal(readFileSync(path, 'utf8'), '200\n'.repeat(300));
});

test('one path and format is one log, whoever asks', (t) => {
  const { path, telemetry } = start(t);
  assert.equal(telemetry.accessLog(path, null), telemetry.accessLog(path, null));
});

test('lines that cannot be written are counted', async (t) => {
  const { dir, telemetry, registry } = start(t);
  const log = telemetry.accessLog(join(dir, 'no/such/folder'), { encoding: 'TEXT', text: '%RESPONSE_CODE%\n' });
  for (let i = 0; i < 3; i++) log.write(record);
  await telemetry.flush();
  assert.match(registry.expose(), /^weft_access_log_dropped_total\{path=".*folder"\} 3$/m);
});
