import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { Admission } from './admission.ts';
import { ScriptedClient, TestServer } from './testing/scripted-client.ts';

const start = (places: number) => {
  const clock = new FakeClock();
  const admission = new Admission({ clock, places, holdMs: 1000 });
  const story: number[] = [];
  const enter = (n: number) => admission.enter(() => story.push(n));
  return { clock, admission, story, enter };
};

test('so many as there are places come in at once, the others in their order as places are left', () => {
  const { admission, story, enter, clock } = start(2);
  const places = [0, 1, 2, 3, 4].map(enter);
  assert.deepEqual([story, admission.waiting], [[0, 1], 3]);
  places[1]?.leave();
  places[1]?.leave();
  assert.deepEqual(story, [0, 1, 2], 'leaving twice leaves one place');
  places[3]?.leave();
  places[0]?.leave();
  assert.deepEqual(story, [0, 1, 2, 4], 'who has gone is not called');
  for (const place of places) place.leave();
  assert.deepEqual([admission.waiting, clock.pending], [0, 0]);
});

test('a place that is never left is given on in time', async () => {
  const { clock, story, enter } = start(1);
  for (const n of [0, 1, 2]) enter(n);
  await clock.advance(999);
  assert.deepEqual(story, [0]);
  await clock.advance(1);
  assert.deepEqual(story, [0, 1]);
  await clock.advance(1000);
  assert.deepEqual(story, [0, 1, 2]);
});

test('a thousand clients at once are all served, each in its turn, however silent some of them are', async () => {
  const server = new TestServer({ clusters: ['a', 'b'] }, undefined, 8);
  const clients = Array.from({ length: 1000 }, () => new ScriptedClient(server.ads, 'delta'));
  const served: number[] = [];
  const serve = (client: ScriptedClient, n: number): void => {
    // Every hundredth never says a word.
    if (served.includes(n) || n % 100 === 0 || !client.admitted) return;
    client.send('cluster');
    client.ackAll();
    served.push(n);
  };
  for (let round = 0; served.length < 990; round++) {
    assert.ok(round < 50, `${served.length} after ${round} s`);
    clients.forEach(serve);
    await server.clock.advance(1000);
  }
  assert.deepEqual(
    served,
    [...served].sort((a, b) => a - b),
    'in the order in which they came',
  );
  assert.ok(clients.every((client) => client.admitted));
  assert.equal(server.ads.waiting, 0);
});

test('those that are connected get their changes while others wait', () => {
  const server = new TestServer({ clusters: ['a'], endpoints: [] }, undefined, 1);
  const first = new ScriptedClient(server.ads, 'delta');
  first.send('cluster');
  first.ackAll();
  const silent = new ScriptedClient(server.ads, 'delta');
  const waits = new ScriptedClient(server.ads, 'delta');
  assert.deepEqual([silent.admitted, waits.admitted], [true, false]);
  server.push({ clusters: ['a', 'b'], endpoints: [] });
  assert.deepEqual(first.take(), ['cluster: b']);
  silent.disconnect();
  waits.send('cluster');
  assert.deepEqual(waits.take(), ['cluster: a b']);
});
