import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineLog } from '@weft/telemetry/log';
import { FakeClock } from '@weft/testkit/fake-clock';
import { Readiness } from './readiness.ts';

const start = () => {
  const clock = new FakeClock();
  const subscription = { complete: false, hasListeners: false };
  const listeners = { allOpen: false };
  const said: string[] = [];
  const log = new LineLog(clock, (line) => said.push(line));
  return { clock, subscription, listeners, said, readiness: new Readiness({ clock, log, subscription, listeners }) };
};

test('ready when all that was named has come and all listeners are open, and from then on', async () => {
  const { clock, subscription, listeners, readiness } = start();
  readiness.check();
  subscription.hasListeners = true;
  subscription.complete = true;
  await clock.advance(100);
  assert.equal(readiness.ready, false, 'no listener is open yet');
  listeners.allOpen = true;
  await clock.advance(100);
  assert.equal(readiness.ready, true);
  assert.equal(clock.pending, 0, 'and looks no more');
  subscription.complete = false;
  listeners.allOpen = false;
  readiness.check();
  assert.equal(readiness.ready, true);
});

test('endpoints that do not come are waited for 15 s, from when there are listeners', async () => {
  const { clock, subscription, listeners, readiness, said } = start();
  listeners.allOpen = true;
  readiness.check();
  await clock.advance(60_000);
  assert.equal(readiness.ready, false, 'without listeners there is nothing to be ready for');
  subscription.hasListeners = true;
  await clock.advance(14_900);
  assert.equal(readiness.ready, false);
  await clock.advance(200);
  assert.equal(readiness.ready, true);
  assert.match(said.join(''), /warning ready without all endpoints/);
});
