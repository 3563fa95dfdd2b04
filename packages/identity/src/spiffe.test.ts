import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatSpiffeId, parseSpiffeId } from './spiffe.ts';

test('a workload’s id has a trust domain, a namespace and a service account', () => {
  const id = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'reviews.v1' };
  assert.equal(formatSpiffeId(id), 'spiffe://cluster.local/ns/default/sa/reviews.v1');
  assert.deepEqual(parseSpiffeId('spiffe://cluster.local/ns/default/sa/reviews.v1'), id);
});

test('what is not exactly one is none', () => {
  for (const text of [
    '',
    'spiffe://cluster.local',
    'spiffe://cluster.local/ns/default',
    'spiffe://cluster.local/ns/default/sa/a/b',
    'spiffe://cluster.local/ns/default/sa/a/',
    'spiffe://cluster.local/ns//sa/a',
    'spiffe://cluster.local/ns/../sa/a',
    'spiffe://cluster.local/ns/%64efault/sa/a',
    'spiffe://cluster.local:443/ns/default/sa/a',
    'spiffe://user@cluster.local/ns/default/sa/a',
    'spiffe://CLUSTER.local/ns/default/sa/a',
    'spiffe://cluster.local/ns/default/sa/a?x',
    'spiffe://cluster.local/ns/default/sa/a#x',
    'SPIFFE://cluster.local/ns/default/sa/a',
    'https://cluster.local/ns/default/sa/a',
    `spiffe://cluster.local/ns/default/sa/${'a'.repeat(3000)}`,
    'spiffe://cluster.local/ns/default/sa/a\n',
  ])
    assert.equal(parseSpiffeId(text), null, text);
});

test('parts that would change the meaning cannot be put into an id', () => {
  for (const namespace of ['', 'a/b', '..', 'a b', 'A', 'a/sa/b'])
    assert.throws(() => formatSpiffeId({ trustDomain: 'td', namespace, serviceAccount: 'x' }), RangeError);
});

test('what parses formats to the same text', () => {
  const text = fc.stringMatching(/^spiffe:\/\/[a-z.]{1,9}\/ns\/[a-z0-9-]{1,6}\/sa\/[a-z0-9.-]{1,6}$/);
  fc.assert(
    fc.property(text, (t) => {
      const id = parseSpiffeId(t);
      if (id) assert.equal(formatSpiffeId(id), t);
    }),
  );
});
