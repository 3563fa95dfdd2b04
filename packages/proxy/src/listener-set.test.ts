import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineLog } from '@weft/telemetry/log';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import type { RouteTable } from '@weft/traffic/route-table';
import type { ListenerConfig, RuntimeConfig } from '@weft/traffic/runtime-config';
import { ListenerManagerStats } from './stats/listener-stats.ts';
import { ListenerSet } from './listener-set.ts';
import { listener, manager } from './testing/data-path.ts';

const table: RouteTable = { name: 'routes', match: () => null };
const plain = (name: string, over: Partial<ListenerConfig> = {}): ListenerConfig =>
  listener(manager(table), { name, port: 80, ...over });
const routed = (name: string): ListenerConfig =>
  listener(manager(table, { routeConfigName: 'routes', inlineRoutes: null }), { name, port: 80 });

const config = (listeners: ListenerConfig[], tables: RouteTable[] = []): RuntimeConfig => ({
  listeners: new Map(listeners.map((l) => [l.name, l])),
  clusters: new Map(),
  routeTables: new Map(tables.map((t) => [t.name, t])),
});

const start = () => {
  const clock = new FakeClock();
  const events: string[] = [];
  let failure: Error | null = null;
  const set = new ListenerSet({
    stats: new ListenerManagerStats(),
    clock,
    log: new LineLog(clock, () => {}),
    open: async (config) => {
      if (failure) throw failure;
      const { name } = config;
      events.push(`open ${name}:${config.port}`);
      return {
        drain: (on) => events.push(`drain ${name} ${on}`),
        update: (next) => events.push(`update ${name} ${next.direction}`),
        close: async (graceful) => void events.push(`close ${name} ${graceful}`),
      };
    },
  });
  return { clock, events, set, fail: (error: Error | null) => (failure = error) };
};

test('a listener opens once its routes are there', async () => {
  const { set, events } = start();
  set.apply(config([routed('a')]));
  await settle();
  assert.deepEqual([events, set.allOpen], [[], false]);
  set.apply(config([routed('a')], [table]));
  await settle();
  assert.deepEqual([events, set.allOpen], [['open a:80'], true]);
});

test('a changed listener is updated in place, one with another port is opened anew, one that left is drained', async () => {
  const { set, events } = start();
  set.apply(config([plain('a'), plain('b'), plain('c')]));
  await settle();
  events.length = 0;
  set.apply(config([plain('a', { direction: 'inbound' }), plain('b', { port: 81 })]));
  await settle();
  assert.deepEqual(events, ['update a inbound', 'close b true', 'close c true', 'open b:81']);
  events.length = 0;
  await set.stop('all');
  assert.deepEqual(events, ['close a true', 'close b true']);
  set.apply(config([plain('a')]));
  await settle();
  assert.equal(events.length, 2, 'nothing opens after the end');
});

test('a port that is taken is tried again each second, with what is then wanted', async () => {
  const { set, events, clock, fail } = start();
  fail(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }));
  set.apply(config([plain('a')]));
  await settle();
  const entry = set.states.get('a');
  assert.equal(entry?.state.kind, 'failed');
  assert.match(entry.state.kind === 'failed' ? entry.state.reason : '', /cannot listen on 127.0.0.1:80 \(EADDRINUSE\)/);
  fail(null);
  set.apply(config([plain('a', { direction: 'inbound' })]));
  await clock.advance(1000);
  assert.deepEqual(events, ['open a:80']);
  assert.equal(set.states.get('a')?.config.direction, 'inbound');
  fail(new Error('x'));
  set.apply(config([plain('b')]));
  await settle();
  set.apply(config([]));
  assert.equal(clock.pending, 0, 'a listener that left is not tried again');
});

test('inbound listeners alone can be drained and stopped; one that opens meanwhile knows', async () => {
  const { set, events } = start();
  set.apply(config([plain('in', { direction: 'inbound' }), plain('out', { direction: 'outbound' })]));
  await settle();
  events.length = 0;
  set.drain('inbound');
  assert.deepEqual(events.splice(0), ['drain in true', 'drain out false']);
  const all = [
    plain('in', { direction: 'inbound' }),
    plain('out', { direction: 'outbound' }),
    plain('in2', { direction: 'inbound' }),
  ];
  set.apply(config(all));
  await settle();
  assert.deepEqual(events.splice(0), ['update in inbound', 'update out outbound', 'open in2:80', 'drain in2 true']);
  await set.stop('inbound');
  assert.deepEqual(events.splice(0), ['close in true', 'close in2 true']);
  set.apply(config(all));
  await settle();
  assert.deepEqual(events, [], 'what has stopped stays so');
});

test('a listener that leaves while it opens is closed again', async () => {
  const { set, events } = start();
  set.apply(config([plain('a')]));
  set.apply(config([]));
  await settle();
  assert.deepEqual(events, ['open a:80', 'close a false']);
});
