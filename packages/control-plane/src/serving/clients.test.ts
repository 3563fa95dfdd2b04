import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { translateParts } from '@weft/translate/translate';
import { typeUrls } from '@weft/xds-api/type-urls';
import {
  Client,
  obtain,
  type Place,
  place,
  podList,
  type Running,
  service,
  session,
  start,
  until,
} from '../testing/plane.ts';

const SIDECAR = { WEFT_DATA_PLANE: 'weft', WEFT_VHDS: true };

/** Another namespace's service that nobody else sees. */
const SECRET = `apiVersion: v1
kind: Service
metadata: { name: vault, namespace: secret, annotations: { networking.istio.io/exportTo: . } }
spec: { ports: [{ name: http, port: 80 }] }
`;

const plane = async (t: TestContext, at: Place): Promise<Running> => {
  const running = await start(t, at, { translate: translateParts });
  at.save(join(at.state, 'run/pods.json'), podList('reviews', 'ratings'));
  return running;
};

type Versions = Record<string, string>;

/** Subscribes to all that a sidecar does, with what it holds already; answers what it was sent, by type. */
const subscribe = async (client: Client, held: Record<string, Versions>): Promise<Record<string, Versions>> => {
  const sent: Record<string, Versions> = {};
  const take = async (typeUrl: string, names?: readonly string[]): Promise<Versions> => {
    if (typeUrl !== typeUrls.cluster)
      client.send({
        typeUrl,
        ...(names && { resourceNamesSubscribe: names }),
        initialResourceVersions: held[typeUrl] ?? {},
      });
    const response = await client.acknowledge();
    assert.equal(response.typeUrl, typeUrl);
    return (sent[typeUrl] = Object.fromEntries(response.resources?.map((r) => [r.name, r.version]) ?? []));
  };
  await take(typeUrls.cluster);
  const clusters = Object.keys(held[typeUrls.cluster] ?? sent[typeUrls.cluster] ?? {});
  const byName = async (typeUrl: string, names: readonly string[]): Promise<void> => {
    if (!held[typeUrl]) await take(typeUrl, names);
    // There is an answer only if there is something to say.
    else client.send({ typeUrl, resourceNamesSubscribe: names, initialResourceVersions: held[typeUrl] });
  };
  await byName(
    typeUrls.clusterLoadAssignment,
    clusters.filter((name) => name.startsWith('outbound|')),
  );
  await take(typeUrls.listener);
  await byName(typeUrls.routeConfiguration, ['http_proxy']);
  await take(typeUrls.virtualHost);
  return sent;
};

test('a sidecar that has everything is sent nothing of any type after a restart of the control plane', async (t) => {
  const at = place(t);
  at.save(at.manifests, [service('reviews'), service('ratings')].join('---\n'));
  const first = await plane(t, at);
  const identity = await obtain(t, at, first.xdsPort, 'reviews');
  const before = new Client(session(t, at, first.xdsPort, identity), 'reviews-0', {}, SIDECAR);
  const held = await subscribe(before, {});
  assert.deepEqual(Object.keys(held[typeUrls.virtualHost] ?? {}).sort(), [
    'http_proxy/allow_any',
    'http_proxy/ratings.default.svc.cluster.local:80',
    'http_proxy/reviews.default.svc.cluster.local:80',
  ]);
  await first.close();

  const second = await plane(t, at);
  const again = new Client(session(t, at, second.xdsPort, identity), 'reviews-0', held[typeUrls.cluster], SIDECAR);
  const sent = await subscribe(again, held);
  for (const [typeUrl, resources] of Object.entries(sent)) assert.deepEqual(resources, {}, typeUrl);
  assert.ok(again.quiet);
});

test('what a proxy may not see does not exist for it, asked for by name or not', async (t) => {
  const at = place(t);
  at.save(at.manifests, `${service('reviews')}---\n${SECRET}`);
  const { xdsPort } = await plane(t, at);
  const identity = await obtain(t, at, xdsPort, 'reviews');
  const client = new Client(session(t, at, xdsPort, identity), 'reviews-0', {}, SIDECAR);
  const seen = (await client.acknowledge()).resources?.map((r) => r.name) ?? [];
  assert.deepEqual(
    seen.filter((name) => name.includes('vault')),
    [],
  );
  const wanted = 'outbound|80||vault.secret.svc.cluster.local';
  for (const typeUrl of [typeUrls.cluster, typeUrls.clusterLoadAssignment]) {
    client.send({ typeUrl, resourceNamesSubscribe: [wanted] });
    const answer = await client.acknowledge();
    assert.deepEqual([answer.resources, answer.removedResources], [undefined, [wanted]]);
  }
});

test('clients that send garbage, or never answer, cost nobody else anything', async (t) => {
  const at = place(t);
  const { xdsPort } = await plane(t, at);
  const identity = await obtain(t, at, xdsPort, 'reviews');
  const connect = () => new Client(session(t, at, xdsPort, identity), 'reviews-0', {}, SIDECAR);
  const good = connect();
  await good.acknowledge();
  const silent = connect();
  await silent.next();
  const mad = connect();
  await mad.next();
  mad.sendBytes(Buffer.from('0aff', 'hex'));
  assert.equal((await mad.closed).code, 3);
  for (let n = 0; n < 5; n++) {
    at.save(at.manifests, [service('reviews'), service(`new-${n}`)].join('---\n'));
    const wanted = `outbound|80||new-${n}.default.svc.cluster.local`;
    await until(async () => ((await good.acknowledge()).resources?.some((r) => r.name === wanted) ? true : undefined));
  }
  assert.ok(silent.quiet, 'it is told the next thing when it has answered the first');
});
