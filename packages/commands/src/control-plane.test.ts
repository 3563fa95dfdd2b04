import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { FakeClock } from '@weft/testkit/fake-clock';
import { type ControlPlaneCommandOptions, controlPlane } from './control-plane.ts';

const run = (over: Partial<ControlPlaneCommandOptions>): Promise<number> =>
  controlPlane({
    paths: ['nowhere.yaml'],
    stateDir: join(import.meta.dirname, 'control-plane.ts', 'state'),
    address: '127.0.0.1',
    clock: new FakeClock(),
    random: seededRandom(1),
    writeError: () => {},
    ...over,
  });

const mistakes: [string, Partial<ControlPlaneCommandOptions>, RegExp][] = [
  ['no manifests', { paths: [] }, /no manifests; name files or folders with -f PATH/],
  ['an address that others could reach', { address: '0.0.0.0' }, /--address 0.0.0.0 is not a loopback address/],
  ['a name instead of an address', { address: '127.example.com' }, /not a loopback address/],
  ['a trust domain with a slash', { trustDomain: 'a/b' }, /--trust-domain a\/b may have/],
  ['a lifetime without a unit', { certTtl: '24' }, /--cert-ttl 24 is not a duration/],
  ['a lifetime too short to renew in', { certTtl: '1s' }, /at least 10s/],
  [
    'a state directory inside a file',
    {},
    /control-plane\.ts.state cannot be written \(ENOTDIR\); give another with --state-dir/,
  ],
];
for (const [what, options, message] of mistakes) {
  test(`refused with a clear message: ${what}`, async () => {
    await assert.rejects(run(options), { name: 'WeftError', message });
  });
}

test('signals are no longer listened to once the command has failed', async () => {
  const before = process.listenerCount('SIGTERM');
  await assert.rejects(run({ clock: systemClock }));
  assert.equal(process.listenerCount('SIGTERM'), before);
});
