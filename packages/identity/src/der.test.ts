import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DerReader, element, integer, octetString, oid, readOid, sequence, tags, time } from './der.ts';

test('elements of any length are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 4 }), (parts) => {
      const reader = new DerReader(sequence(...parts.map(octetString))).enter(tags.sequence);
      for (const part of parts) assert.ok(reader.expect(tags.octetString).content.equals(Buffer.from(part)));
      reader.end();
    }),
    { numRuns: 30 },
  );
});

test('object identifiers go back and forth', () => {
  const arc = fc.integer({ min: 0, max: 2 ** 40 });
  fc.assert(
    fc.property(fc.nat(2), fc.nat(39), fc.array(arc, { maxLength: 8 }), (first, second, rest) => {
      const dotted = [first, second, ...rest].join('.');
      assert.equal(readOid(new DerReader(oid(dotted)).expect(tags.oid).content), dotted);
    }),
  );
});

test('integers are positive and minimal', () => {
  assert.equal(integer(0).toString('hex'), '020100');
  assert.equal(integer(Buffer.from([0, 0, 0x80])).toString('hex'), '02020080');
  assert.equal(integer(Buffer.from([0, 0x7f])).toString('hex'), '02017f');
});

test('times are UTCTime until 2049 and GeneralizedTime after', () => {
  assert.equal(
    time(Date.UTC(2026, 0, 2, 3, 4, 5))
      .subarray(2)
      .toString(),
    '260102030405Z',
  );
  assert.equal(
    time(Date.UTC(2050, 0, 1))
      .subarray(2)
      .toString(),
    '20500101000000Z',
  );
});

test('lengths that DER does not allow are refused', () => {
  const read = (hex: string): unknown => new DerReader(Buffer.from(hex, 'hex')).next();
  assert.throws(() => read('0480'), /DER does not allow/);
  assert.throws(() => read('04810100'), /more bytes than it needs/);
  assert.throws(() => read('0482000100'), /more bytes than it needs/);
  assert.throws(() => read('04850100000000'), /DER does not allow/);
  assert.throws(() => read('0402ff'), /longer than what holds it/);
  assert.throws(() => read('1f8101'), /tag of several bytes/);
  assert.throws(() => new DerReader(element(4)).expect(2), /tag 4 where 2 belongs/);
});
