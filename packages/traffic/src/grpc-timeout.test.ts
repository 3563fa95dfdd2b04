import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { formatGrpcTimeout, grpcTimeoutMs, parseGrpcTimeout } from './grpc-timeout.ts';

it('grpc-timeout is read in its units, rounded up, and refused where it is none', () => {
  const table = { '1H': 3_600_000, '2M': 120_000, '3S': 3000, '4m': 4, '5u': 1, '1000001n': 2, '0S': 0 };
  for (const [text, ms] of Object.entries(table)) assert.equal(parseGrpcTimeout(text), ms, text);
  for (const text of ['', '1', 'S', '-1S', '1.5S', '123456789S', '1s', ' 1S'])
    assert.equal(parseGrpcTimeout(text), null, text);
});

it('what is written reads as no less, and at most a unit more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 12 }), (ms) => {
      const read = parseGrpcTimeout(formatGrpcTimeout(ms)) as number;
      assert.ok(read >= ms && read < ms + 60_000);
    }),
  );
});

it('a route takes the caller’s word up to its own limit, and no limit where there is no word', () => {
  const ask = (of: 'route' | 'stream', maxMs: number, offsetMs: number, timeout?: string) =>
    grpcTimeoutMs({ of, maxMs, offsetMs }, timeout === undefined ? [] : ['grpc-timeout', timeout]);
  assert.equal(ask('route', 0, 0, '5S'), 5000);
  assert.equal(ask('route', 2000, 0, '5S'), 2000);
  assert.equal(ask('route', 2000, 0), 2000);
  assert.equal(ask('route', 0, 0), 0);
  assert.equal(ask('route', 2000, 100, '1S'), 900);
  assert.equal(ask('route', 0, 100, '50m'), 50);
  assert.equal(ask('stream', 2000, 0), null);
  assert.equal(ask('stream', 2000, 100, '5S'), 1900);
  assert.equal(ask('stream', 0, 0, '5S'), 5000);
});
