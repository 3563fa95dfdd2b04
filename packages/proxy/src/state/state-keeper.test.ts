import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import { Credentials } from '@weft/identity/workload-identity';
import { LineLog } from '@weft/telemetry/log';
import { FakeClock } from '@weft/testkit/fake-clock';
import { StateKeeper } from './state-keeper.ts';

const spiffeId = 'spiffe://cluster.local/ns/default/sa/a';
const resource = (name: string, text: string) => ({
  name,
  version: `v-${name}`,
  updatedMs: 7,
  bytes: Buffer.from(text),
});

const start = (t: TestContext, nodeId = 'node-1') => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-state-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new FakeClock();
  const said: string[] = [];
  const log = new LineLog(clock, (line) => said.push(line));
  const resources = new Map([['type/a', [resource('one', 'first'), resource('two', 'second')]]]);
  const keeper = (node: string) =>
    new StateKeeper({ stateDir: dir, nodeId: node, clock, log, configuration: () => ({ resources }) });
  return { dir, clock, said, resources, keeper: keeper(nodeId), other: keeper('node-2') };
};

const credentials = (clock: FakeClock, ttlMs = 60_000) => {
  const root = createRoot({ trustDomain: 'cluster.local', clock });
  const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
  const leaf = new CertificateAuthority(root, clock).issue({ spki: readCsr(csrPem).spki, spiffeId, ttlMs });
  const signed = { chain: [leaf], roots: [root.certificatePem] };
  return { root, made: new Credentials(spiffeId, privateKeyPem, signed, clock.now()) };
};

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('a configuration comes back as it was, from a file for the owner alone', async (t) => {
  const { dir, keeper, resources, said } = start(t);
  assert.equal(keeper.readConfiguration(), null);
  keeper.configurationChanged();
  await keeper.close();
  assert.equal(modeOf(join(dir, 'configuration.bin')), '600');
  const read = keeper.readConfiguration()?.resources.get('type/a');
  assert.deepEqual(
    read?.map(({ name, version, updatedMs, bytes }) => [name, version, updatedMs, Buffer.from(bytes).toString()]),
    resources.get('type/a')?.map((r) => [r.name, r.version, r.updatedMs, r.bytes.toString()]),
  );
  assert.deepEqual(said, []);
});

test('changes in quick succession are written once, a second after the last', async (t) => {
  const { dir, keeper, clock, resources } = start(t);
  keeper.configurationChanged();
  await clock.advance(900);
  resources.set('type/a', [resource('three', 'third')]);
  keeper.configurationChanged();
  await clock.advance(900);
  assert.throws(() => readFileSync(join(dir, 'configuration.bin')), /ENOENT/);
  await clock.advance(100);
  await keeper.close();
  assert.deepEqual(
    keeper
      .readConfiguration()
      ?.resources.get('type/a')
      ?.map((r) => r.name),
    ['three'],
  );
});

test('a file that is damaged anywhere, cut short, or of another node is told of and left aside', async (t) => {
  const { dir, keeper, other, said } = start(t);
  keeper.configurationChanged();
  await keeper.close();
  const path = join(dir, 'configuration.bin');
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ 1;
    writeFileSync(path, damaged);
    assert.equal(keeper.readConfiguration(), null, `byte ${at}`);
  }
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    assert.equal(keeper.readConfiguration(), null, `${length} bytes`);
  }
  writeFileSync(path, whole);
  said.length = 0;
  assert.equal(other.readConfiguration(), null);
  assert.match(said.join(''), /left aside.*of another node, node-1/);
  assert.notEqual(keeper.readConfiguration(), null);
});

test('credentials come back while they are valid, for their own identity and root, and are never logged', async (t) => {
  const { dir, keeper, clock, said } = start(t);
  const { root, made } = credentials(clock);
  const path = join(dir, 'credentials.json');
  writeFileSync(path, 'left by somebody', { mode: 0o644 });
  chmodSync(path, 0o644);
  keeper.credentialsChanged(made);
  await keeper.close();
  assert.equal(modeOf(path), '600');
  const read = keeper.readCredentials(spiffeId, () => root.certificatePem);
  assert.equal(read?.privateKeyPem, made.privateKeyPem);
  assert.equal(read.serialNumber, made.serialNumber);

  assert.equal(
    keeper.readCredentials('spiffe://cluster.local/ns/default/sa/b', () => root.certificatePem),
    null,
  );
  assert.equal(
    keeper.readCredentials(spiffeId, () => credentials(clock).root.certificatePem),
    null,
  );
  await clock.advance(60_001);
  assert.equal(
    keeper.readCredentials(spiffeId, () => root.certificatePem),
    null,
  );
  writeFileSync(path, `${readFileSync(path, 'utf8')}x`);
  assert.equal(
    keeper.readCredentials(spiffeId, () => root.certificatePem),
    null,
  );
  assert.equal(said.length, 4);
  assert.doesNotMatch(said.join(''), /PRIVATE KEY|privateKey/);
});

test('a directory that cannot be written costs a warning and nothing else', async (t) => {
  const { dir, keeper, said } = start(t);
  rmSync(dir, { recursive: true });
  keeper.configurationChanged();
  await keeper.close();
  assert.match(said.join(''), /state not kept.*WEFT0203/);
});
