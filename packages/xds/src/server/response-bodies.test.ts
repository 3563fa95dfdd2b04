import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeUrls } from '@weft/xds-api/type-urls';
import { encodeResource } from '../resource.ts';
import { ResponseBodies } from './response-bodies.ts';

const [a, b, c] = ['a', 'b', 'c'].map((name) => encodeResource(typeUrls.cluster, { name }));
assert.ok(a && b && c);

test('the same resources in the same order are the same bytes, in memory too', () => {
  const bodies = new ResponseBodies('delta');
  const first = bodies.bytesOf([a, b]);
  assert.deepEqual(Buffer.from(first), Buffer.concat([a.delta, b.delta]));
  assert.equal(bodies.bytesOf([a, b]), first);
  assert.notEqual(bodies.bytesOf([b, a]), first);
  assert.notEqual(bodies.bytesOf([a, b, c]), first);
});

test('a single resource is its own bytes, of the form asked for', () => {
  assert.equal(new ResponseBodies('delta').bytesOf([a]), a.delta);
  assert.equal(new ResponseBodies('sotw').bytesOf([a]), a.sotw);
  assert.equal(new ResponseBodies('sotw').bytesOf([]).length, 0);
});

test('only the last few are remembered', () => {
  const bodies = new ResponseBodies('delta');
  const first = bodies.bytesOf([a, b]);
  for (let i = 0; i < 40; i++) bodies.bytesOf(Array.from({ length: 3 + i }, () => c));
  assert.notEqual(bodies.bytesOf([a, b]), first);
});
