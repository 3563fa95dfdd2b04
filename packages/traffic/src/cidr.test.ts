import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { CidrRange, parseAddress } from './cidr.ts';

const contains = (address: string, length: number, candidate: string): boolean => {
  const range = CidrRange.parse(address, length);
  assert.ok(range, `${address}/${length}`);
  return range.contains(candidate);
};

test('IPv4 ranges', () => {
  assert.equal(contains('10.1.0.0', 16, '10.1.255.255'), true);
  assert.equal(contains('10.1.0.0', 16, '10.2.0.0'), false);
  assert.equal(contains('10.1.2.3', 32, '10.1.2.3'), true);
  assert.equal(contains('0.0.0.0', 0, '203.0.113.9'), true);
  assert.equal(contains('10.0.0.0', 8, 'x'), false);
});

test('an IPv4-mapped peer is in the IPv4 range, not in an IPv6 one', () => {
  assert.equal(contains('10.0.0.0', 8, '::ffff:10.1.2.3'), true);
  assert.equal(contains('::', 0, '10.1.2.3'), false);
  assert.equal(contains('0.0.0.0', 0, '2001:db8::1'), false);
});

test('what is no address or no length is refused', () => {
  for (const [address, length] of [
    ['10.0.0', 8],
    ['10.0.0.256', 8],
    ['010.0.0.1', 8],
    ['::1::', 8],
    ['10.0.0.0', 33],
    ['::', 129],
    ['1:2', 8],
    ['10.0.0.0', -1],
    ['', 0],
  ] as const) {
    assert.equal(CidrRange.parse(address, length), null, `${address}/${length}`);
  }
});

test('addresses are told from other text as by node:net', () => {
  const words = new Uint16Array(8);
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc
      .array(fc.constantFrom('1', 'f', ':', '::', '.', '0', '255', 'ffff', '10.0.0.1'), { maxLength: 12 })
      .map((s) => s.join('')),
  );
  fc.assert(
    fc.property(text, (t) => {
      assert.equal(parseAddress(t, words) !== 0, isIP(t) !== 0, t);
    }),
    { numRuns: 3000 },
  );
});

test('ranges hold what BlockList says they hold', () => {
  const near = (ip: string): fc.Arbitrary<string> =>
    fc.constantFrom(ip, ip.replace(/\d+$/, '7'), ip.replace(/^\d+/, '9'));
  fc.assert(
    fc.property(
      fc.ipV4().chain((ip) => fc.tuple(fc.constant(ip), near(ip), fc.integer({ min: 0, max: 32 }))),
      ([ip, other, length]) => {
        const list = new BlockList();
        list.addSubnet(ip, length, 'ipv4');
        assert.equal(contains(ip, length, other), list.check(other, 'ipv4'));
      },
    ),
  );
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), (ip, other, length) => {
      const list = new BlockList();
      list.addSubnet(ip, length, 'ipv6');
      if (parseAddress(other, new Uint16Array(8)) === 6)
        assert.equal(contains(ip, length, other), list.check(other, 'ipv6'));
    }),
  );
});
