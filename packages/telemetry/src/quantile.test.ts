import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { histogramQuantile } from './quantile.ts';

test('a quantile is interpolated within its bucket', () => {
  const bounds = [10, 20, 40, Infinity];
  assert.equal(histogramQuantile(0.5, bounds, [0, 10, 10, 10]), 15);
  assert.equal(histogramQuantile(0.25, bounds, [10, 10, 20, 20]), 5);
  assert.equal(histogramQuantile(0.99, bounds, [0, 0, 0, 5]), 40, 'beyond the last bound');
  assert.ok(Number.isNaN(histogramQuantile(0.5, bounds, [0, 0, 0, 0])));
  assert.ok(Number.isNaN(histogramQuantile(0.5, [], [])));
});

test('a quantile grows with q and never leaves the bucket that the true one is in', () => {
  const bounds = [1, 5, 10, 50, 100, Infinity];
  const samples = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(samples, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, q) => {
      const cumulative = bounds.map((bound) => values.filter((v) => v <= bound).length);
      const truth = values.toSorted((a, b) => a - b)[Math.ceil(q * values.length) - 1] as number;
      const found = histogramQuantile(q, bounds, cumulative);
      const bucket = bounds.findIndex((bound) => truth <= bound);
      assert.ok(found <= (bounds[bucket] as number) && found >= (bounds[bucket - 1] ?? 0), `${found} for ${truth}`);
      assert.ok(histogramQuantile(q / 2, bounds, cumulative) <= found);
    }),
  );
});
