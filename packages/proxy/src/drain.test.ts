import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineLog } from '@weft/telemetry/log';
import { FakeClock } from '@weft/testkit/fake-clock';
import { DRAIN_TIME_MS, Drain } from './drain.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const start = () => {
  const clock = new FakeClock();
  const events: string[] = [];
  const stopped = Promise.withResolvers<void>();
  const drain = new Drain({
    clock,
    log: new LineLog(clock, () => {}),
    listeners: {
      drain: (scope) => void events.push(`drain ${scope}`),
      stop: (scope) => {
        events.push(`stop ${scope}`);
        return stopped.promise;
      },
    },
    acceptMs: 5000,
    finishMs: 4000,
  });
  return { clock, events, drain, finish: () => stopped.resolve() };
};

test('who leaves is not ready first, accepts for a while, then finishes what is in flight', async () => {
  const { clock, events, drain, finish } = start();
  let left = false;
  const leaving = drain.leave().then(() => (left = true));
  assert.deepEqual([drain.draining, events], [true, ['drain all']]);
  await clock.advance(4999);
  assert.deepEqual(events, ['drain all'], 'still accepting');
  await clock.advance(1);
  assert.deepEqual([events, left], [['drain all', 'stop all'], false]);
  finish();
  await leaving;
});

test('what is in flight has its time, and no more', async () => {
  const { clock, drain } = start();
  let left = false;
  void drain.leave().then(() => (left = true));
  await clock.advance(5000 + 3999);
  assert.equal(left, false);
  await clock.advance(1);
  assert.equal(left, true);
});

test('asked twice, it leaves once', async () => {
  const { events, drain } = start();
  assert.equal(drain.leave(), drain.leave());
  await settle();
  assert.deepEqual(events, ['drain all']);
});

test('a failed health check asks clients to leave, until it is mended', () => {
  const { events, drain } = start();
  drain.failHealthCheck(true);
  assert.deepEqual([drain.draining, events.splice(0)], [true, ['drain all']]);
  drain.failHealthCheck(false);
  assert.deepEqual([drain.draining, events], [false, ['drain none']]);
});

test('listeners drain at once, later, or without an end', async () => {
  const at = start();
  at.drain.listeners('inbound', false, false);
  assert.deepEqual(at.events, ['drain inbound', 'stop inbound']);
  const later = start();
  later.drain.listeners('all', true, false);
  assert.deepEqual(later.events, ['drain all']);
  await later.clock.advance(DRAIN_TIME_MS);
  assert.deepEqual(later.events, ['drain all', 'stop all']);
  const never = start();
  never.drain.listeners('all', true, true);
  await never.clock.advance(10 * DRAIN_TIME_MS);
  assert.deepEqual(never.events, ['drain all']);
});
