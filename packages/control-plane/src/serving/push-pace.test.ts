import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '@weft/base/clock';
import { FakeClock } from '@weft/testkit/fake-clock';
import { PushPace } from './push-pace.ts';

/** Work that takes time: a job is a list of what is to be done. */
const start = (costMs: number) => {
  const fake = new FakeClock();
  let spentMs = 0;
  const monotonic = (): number => fake.monotonic() + spentMs;
  const clock: Clock = {
    now: () => fake.now(),
    monotonic,
    setTimer: (delayMs, fn) => fake.setTimer(delayMs, fn),
    sleep: (delayMs, signal) => fake.sleep(delayMs, signal),
  };
  const done: string[] = [];
  const pace = new PushPace<string>(
    clock,
    (job) => {
      spentMs += costMs;
      done.push(job);
    },
    (waiting, next) => `${waiting}${next}`,
  );
  return { pace, done, clock: fake };
};

test('a change that comes alone is not delayed', async () => {
  const { pace, done, clock } = start(10);
  pace.ask('a');
  assert.deepEqual(done, ['a']);
  await clock.advance(100);
  pace.ask('b');
  assert.deepEqual(done, ['a', 'b']);
});

test('changes that come faster than they can be worked off are done together, in their order', async () => {
  const { pace, done, clock } = start(10);
  for (const job of ['a', 'b', 'c']) pace.ask(job);
  assert.deepEqual(done, ['a']);
  await clock.advance(19);
  pace.ask('d');
  assert.deepEqual(done, ['a']);
  await clock.advance(1);
  assert.deepEqual(done, ['a', 'bcd']);
});

test('however dear the work, nobody waits longer than half a second', async () => {
  const { pace, done, clock } = start(10_000);
  pace.ask('a');
  pace.ask('b');
  await clock.advance(500);
  assert.deepEqual(done, ['a', 'b']);
});

test('nothing is done after the end', async () => {
  const { pace, done, clock } = start(10);
  pace.ask('a');
  pace.ask('b');
  pace.close();
  await clock.advance(1000);
  assert.deepEqual([done, clock.pending], [['a'], 0]);
});
