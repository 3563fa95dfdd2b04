import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SortedMap } from './sorted-map.ts';

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
const change = fc.tuple(keys, fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }));

test('every version of a sorted map stays what it was, whichever the next is made from', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.array(change, { maxLength: 4 })), { maxLength: 30 }),
      fc.boolean(),
      (steps, readOrderFirst) => {
        const versions = [
          {
            map: SortedMap.of<number>([
              ['d', 1],
              ['b', 2],
            ]),
            expected: new Map([
              ['b', 2],
              ['d', 1],
            ]),
          },
        ];
        for (const [n, changes] of steps) {
          const from = versions[n % versions.length] as (typeof versions)[number];
          const expected = new Map(from.expected);
          for (const [key, value] of new Map(changes))
            if (value === undefined) expected.delete(key);
            else expected.set(key, value);
          if (readOrderFirst) assert.equal([...from.map.keys()].length, from.map.size);
          versions.push({ map: from.map.with(new Map(changes)), expected });
        }
        for (const { map, expected } of versions) {
          const sorted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1));
          assert.deepEqual([...map], sorted);
          assert.deepEqual(
            [...map.values()],
            sorted.map(([, value]) => value),
          );
          assert.equal(map.size, sorted.length);
          for (const key of 'abcdefg') assert.equal(map.get(key), expected.get(key));
        }
      },
    ),
  );
});

test('many changes at once keep the order', () => {
  const entry = (i: number): [string, number] => [String((i * 7919) % 5000).padStart(4, '0'), i];
  const first = SortedMap.of([entry(0)]);
  assert.equal([...first.keys()].length, 1);
  const second = first.with(new Map(Array.from({ length: 5000 }, (_, i) => entry(i))));
  assert.deepEqual([...second.keys()], [...second.keys()].sort());
  assert.equal(second.size, 5000);
  assert.equal(first.size, 1);
});
