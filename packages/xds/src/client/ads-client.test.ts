import assert from 'node:assert/strict';
import { connect as connectHttp2, createServer, type Http2Server, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { typeUrls } from '@weft/xds-api/type-urls';
import { decodeMessage } from '../codec/decode.ts';
import { serveGrpc } from '../grpc/server.ts';
import { type AdsEvent, AdsServer } from '../server/ads-server.ts';
import { makeSnapshot } from '../snapshot.ts';
import { AdsClient, type AdsClientState, type AdsUpdate } from './ads-client.ts';

const { cluster, clusterLoadAssignment, listener } = typeUrls;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Collects what happens and lets a test wait for it. */
class Log<T> {
  readonly items: T[] = [];
  #waiting: (() => void)[] = [];

  add(item: T): void {
    this.items.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(matches: (item: T) => boolean, count = 1): Promise<T> {
    for (;;) {
      const found = this.items.filter(matches);
      if (found.length >= count) return found[count - 1] as T;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

const edsCluster = (name: string, extra: object = {}) => ({
  name,
  type: 'EDS',
  edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
  ...extra,
});
const assignment = (clusterName: string, port = 80) => ({
  clusterName,
  endpoints: [
    { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } } }] },
  ],
});

const start = async (ads: AdsServer, port = 0): Promise<{ port: number; stop: () => void }> => {
  const server: Http2Server = createServer();
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  serveGrpc(
    server,
    ads.routes(() => ({ principal: 'spiffe://test' })),
  );
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = (): void => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  closers.push(stop);
  return { port: (server.address() as AddressInfo).port, stop };
};

const startClient = (port: number, onUpdate?: (update: AdsUpdate, client: AdsClient) => string | null) => {
  const updates = new Log<{ typeUrl: string; added: string[]; removed: readonly string[] }>();
  const states = new Log<AdsClientState>();
  const client: AdsClient = new AdsClient({
    clock: systemClock,
    random: seededRandom(1),
    node: { id: 'n1', cluster: 'c' },
    connect: () => connectHttp2(`http://127.0.0.1:${port}`),
    backoffMs: { base: 5, max: 20 },
    onState: (state) => states.add(state),
    onUpdate: (update) => {
      const refusal = onUpdate?.(update, client) ?? null;
      updates.add({ typeUrl: update.typeUrl, added: update.added.map((r) => r.name).sort(), removed: update.removed });
      return refusal;
    },
  });
  void client.run();
  closers.push(() => client.close());
  return { client, updates, states };
};

test('the client receives clusters, asks for their endpoints, and follows a push', async () => {
  const events = new Log<AdsEvent>();
  const a = edsCluster('a');
  const first = makeSnapshot({ [cluster]: [a], [clusterLoadAssignment]: [assignment('a')] });
  const ads = new AdsServer({
    clock: systemClock,
    connect: () => ({ snapshot: first }),
    onEvent: (e) => events.add(e),
  });
  const { port } = await start(ads);
  const { client, updates } = startClient(port, (update, self) => {
    if (update.typeUrl === cluster) self.subscribe(clusterLoadAssignment, ['a', 'b']);
    return null;
  });
  client.subscribe(cluster, 'wildcard');
  await updates.until((u) => u.typeUrl === clusterLoadAssignment && u.added.includes('a'));
  await events.until((e) => e.kind === 'synced');
  const second = makeSnapshot({
    [cluster]: [a, edsCluster('b')],
    [clusterLoadAssignment]: [assignment('a'), assignment('b')],
  });
  ads.push((ads.connections[0] as { id: number }).id, second);
  await events.until((e) => e.kind === 'synced' && e.version === second.version);
  assert.deepEqual([...client.kept(cluster).keys()], ['a', 'b']);
  assert.deepEqual(
    updates.items.filter((u) => u.typeUrl === cluster).map((u) => u.added),
    [['a'], ['b']],
    'only what is new was sent',
  );
  const kept = client.kept(cluster).get('b');
  assert.deepEqual(decodeMessage('envoy.config.cluster.v3.Cluster', kept?.bytes as Uint8Array), edsCluster('b'));
  assert.equal(kept?.version, second.resources.get(cluster)?.get('b')?.version);
});

test('after a reconnect the client is sent only what changed meanwhile, and what is gone', async () => {
  const before = makeSnapshot({ [cluster]: [edsCluster('a'), edsCluster('b'), edsCluster('c')], [listener]: [] });
  const events = new Log<AdsEvent>();
  let current = before;
  const options = {
    clock: systemClock,
    connect: () => ({ snapshot: current }),
    onEvent: (e: AdsEvent) => events.add(e),
  };
  const running = await start(new AdsServer(options));
  const { client, updates, states } = startClient(running.port);
  client.subscribe(cluster, 'wildcard');
  client.subscribe(listener, 'wildcard');
  await events.until((e) => e.kind === 'synced');
  running.stop();
  await states.until((s) => s.kind === 'disconnected');
  assert.equal(client.kept(cluster).size, 3, 'what was received stays');
  current = makeSnapshot({ [cluster]: [edsCluster('a'), edsCluster('b', { connectTimeout: '2s' })], [listener]: [] });
  const seen = updates.items.length;
  await start(new AdsServer(options), running.port);
  await events.until((e) => e.kind === 'synced' && e.version === current.version);
  const sent = updates.items.slice(seen).filter((u) => u.typeUrl === cluster);
  assert.deepEqual(sent, [
    { typeUrl: cluster, added: ['b'], removed: [] },
    { typeUrl: cluster, added: [], removed: ['c'] },
  ]);
  assert.deepEqual([...client.kept(cluster).keys()].sort(), ['a', 'b']);
});

test('what the client refuses, it does not keep, and the server learns the resource and the reason', async () => {
  const events = new Log<AdsEvent>();
  const snapshot = makeSnapshot({ [cluster]: ['a', 'b', 'c', 'd', 'e'].map((n) => edsCluster(n)) });
  const ads = new AdsServer({ clock: systemClock, connect: () => ({ snapshot }), onEvent: (e) => events.add(e) });
  const { port } = await start(ads);
  const { client } = startClient(port, ({ added }) => (added.some((r) => r.name === 'd') ? 'cannot use that' : null));
  client.subscribe(cluster, 'wildcard');
  const nack = await events.until((e) => e.kind === 'nack');
  assert.equal(nack.kind === 'nack' && `${nack.resourceName}: ${nack.message}`, 'd: cannot use that');
  await events.until((e) => e.kind === 'synced');
  assert.deepEqual([...client.kept(cluster).keys()].sort(), ['a', 'b', 'c', 'e']);
});

test('a refused client keeps trying, and is let in once it may', async () => {
  let allowed = false;
  const snapshot = makeSnapshot({ [cluster]: [edsCluster('a')] });
  const ads = new AdsServer({
    clock: systemClock,
    connect: ({ peer, node }) => (allowed ? { snapshot } : { refuse: `${peer.principal} is not ${node.id}` }),
  });
  const { port } = await start(ads);
  const { client, updates, states } = startClient(port);
  client.subscribe(cluster, 'wildcard');
  const state = await states.until((s) => s.kind === 'disconnected');
  assert.equal(state.kind === 'disconnected' && state.reason, 'spiffe://test is not n1');
  allowed = true;
  await updates.until((u) => u.added.includes('a'));
});
