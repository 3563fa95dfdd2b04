import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packBytes } from './packed-bytes.ts';

test('what is packed is read again, byte for byte, in any order, alone or with others', () => {
  const parts = fc.array(fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.nat(200)), { maxLength: 40 });
  fc.assert(
    fc.property(parts, fc.array(fc.nat()), (specs, order) => {
      const all = specs.map(([bytes, times]) => Buffer.concat(new Array<Uint8Array>(times).fill(bytes)));
      const packed = packBytes(all);
      assert.equal(packed.length, all.length);
      for (const n of [...order.map((o) => o % Math.max(1, all.length)), ...all.keys()])
        if (all[n]) assert.deepEqual(Buffer.from(packed[n]?.read() ?? []), all[n]);
    }),
  );
});

test('what is packed is a copy', () => {
  const bytes = Buffer.from('abc');
  const [packed] = packBytes([bytes]);
  bytes.fill(0);
  assert.equal(Buffer.from(packed?.read() ?? []).toString(), 'abc');
});
