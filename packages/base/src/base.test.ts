import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Backoff } from './backoff.ts';
import { diagnostic, formatDiagnostic } from './diagnostic.ts';
import { parseDurationMs, protoDuration } from './duration.ts';
import { errors } from './errors.ts';
import { seededRandom } from './random.ts';
import { RingQueue } from './ring-queue.ts';
import { Scope } from './scope.ts';

describe('durations', () => {
  it('reads what Go writes', () => {
    assert.equal(parseDurationMs('1h2m3.5s'), 3_723_500);
    assert.equal(parseDurationMs('250ms'), 250);
    assert.equal(parseDurationMs('0'), 0);
    assert.equal(parseDurationMs('-1.5s'), -1500);
  });
  it('refuses what Go refuses', () => {
    for (const bad of ['', '5', '5 s', 's', '1d', '-', '1s2', '1e3s'])
      assert.equal(parseDurationMs(bad), undefined, bad);
  });
  it('survives the way through protobuf’s form', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), (ms) => assert.equal(parseDurationMs(protoDuration(ms)), ms)),
    );
    assert.equal(protoDuration(0.25), '0.00025s');
    assert.equal(protoDuration(0), '0s');
    assert.equal(protoDuration(100_000), '100s');
  });
});

describe('a ring queue', () => {
  it('is first in, first out, whatever the order of pushes and shifts', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer(), { freq: 2 }), { maxLength: 200 }), (steps) => {
        const queue = new RingQueue<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (step === null) assert.equal(queue.shift(), model.shift());
          else {
            queue.push(step);
            model.push(step);
          }
          assert.equal(queue.length, model.length);
          assert.equal(queue.peek(), model[0]);
        }
      }),
    );
  });
});

describe('a scope', () => {
  it('closes last first, once, and goes on after an error', async () => {
    const scope = new Scope();
    const order: number[] = [];
    scope.add(() => void order.push(1));
    scope.add(() => {
      throw new Error('second');
    });
    scope.add(async () => void order.push(3));
    await assert.rejects(scope.close(), /second/);
    await scope.close();
    assert.deepEqual(order, [3, 1]);
  });
  it('closes at once what is added too late', async () => {
    const scope = new Scope();
    await scope.close();
    let closed = false;
    scope.add(() => {
      closed = true;
    });
    assert.ok(closed);
  });
});

describe('back-off', () => {
  it('doubles its ceiling up to the maximum and starts again after a reset', () => {
    const backoff = new Backoff(25, 250, () => 0.999999);
    const rounded = (): number => Math.round(backoff.nextMs());
    assert.deepEqual([rounded(), rounded(), rounded(), rounded(), rounded(), rounded()], [25, 50, 100, 200, 250, 250]);
    backoff.reset();
    assert.equal(rounded(), 25);
  });
});

describe('seeded randomness', () => {
  it('repeats for a seed, differs between seeds and stays in [0, 1)', () => {
    const take = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 1000 }, () => random());
    };
    assert.deepEqual(take(7), take(7));
    assert.notDeepEqual(take(7), take(8));
    assert.ok(take(9).every((x) => x >= 0 && x < 1));
    const mean = take(10).reduce((a, b) => a + b) / 1000;
    assert.ok(mean > 0.45 && mean < 0.55);
  });
});

describe('the table of errors', () => {
  it('uses each code once', () => {
    const codes = Object.values(errors).map((e) => e.code);
    assert.equal(new Set(codes).size, codes.length);
  });
});

describe('a diagnostic', () => {
  it('reads as file:line:column, level, code, object, what is wrong and what to write', () => {
    const d = diagnostic(
      'unknownHost',
      'error',
      { file: 'a.yaml', line: 3, column: 7 },
      { kind: 'VirtualService', namespace: 'default', name: 'reviews' },
      'no service revews',
      'did you mean reviews?',
    );
    assert.equal(
      formatDiagnostic(d),
      'a.yaml:3:7: error WEFT0101 (VirtualService default/reviews): no service revews; did you mean reviews?',
    );
    assert.equal(d.istioCode, 'IST0101');
  });
});
