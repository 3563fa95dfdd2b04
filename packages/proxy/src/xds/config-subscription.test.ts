import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { seededRandom } from '@weft/base/random';
import { LineLog } from '@weft/telemetry/log';
import { serveGrpc } from '@weft/xds/grpc';
import { type AdsEvent, AdsServer } from '@weft/xds/server/ads-server';
import { makeSnapshot, type Snapshot } from '@weft/xds/snapshot';
import { typeUrls } from '@weft/xds-api/type-urls';
import { httpListener } from '../testing/resources.ts';
import { ConfigSubscription } from './config-subscription.ts';

const host = (name: string, cluster: string) => ({
  name: `t/${name}`,
  virtualHost: { name, domains: [name], routes: [{ match: { prefix: '/' }, route: { cluster } }] },
});
const ads = { configSource: { ads: {}, resourceApiVersion: 'V3' } };
const snapshotOf = (...hosts: object[]): Snapshot =>
  makeSnapshot({
    [typeUrls.cluster]: [{ name: 'c', type: 'STATIC', loadAssignment: { clusterName: 'c' } }],
    [typeUrls.listener]: [httpListener('l', 15001, { rds: { ...ads, routeConfigName: 't' } })],
    [typeUrls.routeConfiguration]: [{ name: 't', vhds: ads }],
    [typeUrls.virtualHost]: hosts,
  });

const start = async (t: TestContext, snapshot: Snapshot) => {
  const events: AdsEvent[] = [];
  const plane = new AdsServer({
    clock: systemClock,
    connect: () => ({ snapshot }),
    onEvent: (event) => events.push(event),
  });
  const server = createServer();
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => sessions.add(session));
  const routes = plane.routes(() => ({ principal: '' }));
  serveGrpc(server, routes);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const open = (connected = true): ConfigSubscription => {
    const subscription = new ConfigSubscription({
      bootstrap: { node: { id: 'n', cluster: 'n', locality: {}, metadata: {} } } as unknown as ProxyBootstrap,
      clock: systemClock,
      random: seededRandom(1),
      log: new LineLog(systemClock, () => {}),
      connect: () => connect(`http://127.0.0.1:${port}`),
      onConfig: () => {},
    });
    if (connected) void subscription.client.run();
    t.after(() => subscription.client.close());
    return subscription;
  };
  return { plane, events, open };
};

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const deadline = systemClock.monotonic() + 5000;
  while (!holds()) {
    assert.ok(systemClock.monotonic() < deadline, `not in time: ${what}`);
    await systemClock.sleep(2);
  }
};

const connection = {
  sourceAddress: '',
  sourcePort: 0,
  destinationAddress: '',
  destinationPort: 0,
  mtls: false,
  peerPrincipal: '',
  sni: '',
};
const leadsTo = (subscription: ConfigSubscription, authority: string): string | undefined => {
  const table = subscription.current.routeTables.get('t');
  const route = table?.match({ method: 'GET', path: '/', authority, scheme: 'http', headers: [], connection });
  return route?.action.kind === 'forward' ? route.action.clusters.entries[0]?.name : undefined;
};

test('virtual hosts are asked for when a table leaves them out, and the configuration is complete with them', async (t) => {
  const { plane, open } = await start(t, snapshotOf(host('a', 'c')));
  const subscription = open();
  await until('complete', () => subscription.complete);
  assert.equal(leadsTo(subscription, 'a'), 'c');
  const [connected] = plane.connections;
  assert.equal(connected?.node.metadata?.['WEFT_VHDS'], true);
  plane.push(connected?.id ?? 0, snapshotOf(host('a', 'd'), host('b', 'c')));
  await until('the change', () => leadsTo(subscription, 'a') === 'd');
  assert.equal(leadsTo(subscription, 'b'), 'c');
});

test('what was kept makes the same tables without a control plane, and is not sent again by one', async (t) => {
  const { events, open } = await start(t, snapshotOf(host('a', 'c'), host('b', 'c')));
  const before = open();
  await until('complete', () => before.complete);
  const { kept } = before;
  before.client.close();

  const alone = open(false);
  alone.restore(kept);
  assert.equal(leadsTo(alone, 'b'), 'c');
  assert.ok(alone.complete);

  const later = open(false);
  later.restore(kept);
  const inForce = later.current;
  events.length = 0;
  void later.client.run();
  await until('synced', () => events.some((event) => event.kind === 'synced'));
  assert.equal(later.current.routeTables.get('t'), inForce.routeTables.get('t'), 'the table was not made again');
});
