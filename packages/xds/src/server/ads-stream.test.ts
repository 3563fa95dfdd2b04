import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { typeUrls } from '@weft/xds-api/type-urls';
import type { Protocol } from './protocol.ts';
import { type MeshShape, ScriptedClient, TestServer } from './testing/scripted-client.ts';

/** A sidecar: clusters and listeners by wildcard, endpoints and routes by name; everything acknowledged. */
const sidecar = (protocol: Protocol, shape: MeshShape, endpoints: string[], routes: string[]) => {
  const server = new TestServer(shape);
  const client = new ScriptedClient(server.ads, protocol);
  const names: Record<string, string[]> = { clusterLoadAssignment: endpoints, routeConfiguration: routes };
  const listed = (type: string): object => (protocol === 'sotw' && names[type] ? { resourceNames: names[type] } : {});
  const subscribe = (type: keyof typeof typeUrls): void => {
    const wanted = names[type] ?? [];
    client.send(type, protocol === 'sotw' ? { resourceNames: wanted } : { resourceNamesSubscribe: wanted });
  };
  for (const type of ['cluster', 'clusterLoadAssignment', 'listener', 'routeConfiguration'] as const)
    if (!names[type] || names[type].length > 0) subscribe(type);
  const ackAll = (): string[] => client.ackAll(listed);
  const story = ackAll();
  /** As Envoy does: asks for the endpoints of a cluster it has learnt of. */
  const askFor = (name: string): void => {
    endpoints.push(name);
    if (protocol === 'sotw') client.send('clusterLoadAssignment', { resourceNames: endpoints });
    else client.send('clusterLoadAssignment', { resourceNamesSubscribe: [name] });
  };
  return { server, client, ackAll, askFor, listed, story };
};

for (const protocol of ['sotw', 'delta'] as const) {
  const delta = protocol === 'delta';
  describe(`make before break, ${protocol}`, () => {
    test('the first sync comes in the order clusters, endpoints, listeners, routes', () => {
      const { story, server } = sidecar(protocol, { clusters: ['a'], listeners: ['l'], routes: ['r'] }, ['a'], ['r']);
      assert.deepEqual(story, ['cluster: a', 'clusterLoadAssignment: a', 'listener: l', 'routeConfiguration: r']);
      assert.ok(server.synced);
    });

    test('a route switches when the endpoints of its new cluster are acknowledged, and then the old cluster goes', () => {
      const { server, client, askFor, listed, ackAll } = sidecar(
        protocol,
        { clusters: ['old'], routes: ['r'] },
        ['old'],
        ['r'],
      );
      server.push({ clusters: ['new'], routes: ['r=2'] });
      const [clusters, ...others] = client.takeResponses();
      assert.ok(clusters);
      assert.deepEqual(clusters.resources, delta ? ['new'] : ['old', 'new'], 'the old cluster is still there');
      assert.deepEqual(others, []);
      client.ack(clusters);
      assert.deepEqual(client.take(), [], 'the new cluster has no endpoints yet');
      askFor('new');
      const [endpoints] = client.takeResponses();
      assert.ok(endpoints);
      assert.deepEqual(endpoints.resources, ['new']);
      client.ack(endpoints, listed('clusterLoadAssignment'));
      const [route, ...more] = client.takeResponses();
      assert.ok(route);
      assert.deepEqual([route.type, more], ['routeConfiguration', []]);
      client.ack(route, listed('routeConfiguration'));
      const rest = ackAll();
      assert.deepEqual(rest, delta ? ['cluster: -old', 'clusterLoadAssignment: -old'] : ['cluster: new']);
      assert.ok(server.synced);
    });

    test('a new cluster that never warms holds a route up to the deadline, and is reported', async () => {
      const { server, client, ackAll } = sidecar(protocol, { clusters: ['a'], routes: ['r'] }, ['a'], ['r']);
      server.push({ clusters: ['a', 'b'], routes: ['r=2'] });
      ackAll();
      await server.clock.advance(999);
      assert.deepEqual(client.take(), []);
      await server.clock.advance(1);
      assert.deepEqual(client.take(), ['routeConfiguration: r']);
      const late = server.events.find((e) => e.kind === 'warmDeadline');
      assert.deepEqual(late?.kind === 'warmDeadline' && late.endpointNames, ['b']);
    });

    test('a new cluster without endpoints in the snapshot holds nothing up', () => {
      const { server, ackAll } = sidecar(protocol, { clusters: ['a'], routes: ['r'] }, ['a'], ['r']);
      server.push({ clusters: ['a', 'b'], endpoints: ['a'], routes: ['r=2'] });
      assert.deepEqual(ackAll(), [delta ? 'cluster: b' : 'cluster: a b', 'routeConfiguration: r']);
    });

    test('a cluster that changes is sent its endpoints again, though they are the same', () => {
      const { server, ackAll } = sidecar(protocol, { clusters: ['a', 'b'] }, ['a', 'b'], []);
      server.push({ clusters: ['a=2', 'b'] });
      assert.deepEqual(ackAll(), [delta ? 'cluster: a=2' : 'cluster: a=2 b', 'clusterLoadAssignment: a']);
    });

    test('a change of endpoints alone touches nothing else and waits for nothing', () => {
      const { server, ackAll } = sidecar(protocol, { clusters: ['a'], listeners: ['l'], routes: ['r'] }, ['a'], ['r']);
      server.push({ clusters: ['a'], listeners: ['l'], routes: ['r=2'] });
      assert.deepEqual(ackAll(), ['routeConfiguration: r']);
      server.push({ clusters: ['a'], listeners: ['l'], routes: ['r=2'] });
      assert.deepEqual(ackAll(), [], 'an equal snapshot is no news');
    });
  });

  describe(`flow control, ${protocol}`, () => {
    test('a slow client gets the newest state, not every state', () => {
      const { server, client, ackAll } = sidecar(protocol, { listeners: ['l=0'] }, [], []);
      server.push({ listeners: ['l=1'] });
      const [first] = client.takeResponses();
      assert.ok(first);
      for (const mark of ['2', '3', '4']) server.push({ listeners: [`l=${mark}`] });
      assert.deepEqual(client.take(), [], 'one response is in flight');
      client.ack(first);
      assert.deepEqual(ackAll(), ['listener: l=4']);
    });

    test('a change that is undone before the client could take it is never told', () => {
      const { server, client } = sidecar(protocol, { listeners: ['l=0', 'm=0'] }, [], []);
      server.push({ listeners: ['l=1', 'm=0'] });
      const [first] = client.takeResponses();
      assert.ok(first);
      server.push({ listeners: ['l=1', 'm=1'] });
      server.push({ listeners: ['l=1', 'm=0'] });
      client.ack(first);
      assert.deepEqual(client.take(), []);
      assert.ok(server.synced);
    });
  });

  describe(`rejection, ${protocol}`, () => {
    /** Rejects whatever has a resource marked bad; accepts the rest. */
    const rejectBad = (client: ScriptedClient, message: (bad: string) => string): string[] => {
      const story: string[] = [];
      for (let responses = client.takeResponses(); responses.length > 0; responses = client.takeResponses()) {
        for (const r of responses) {
          const bad = r.resources.find((name) => name.endsWith('=bad'));
          story.push(`${bad ? 'NACK' : 'ACK'} ${r.resources.join(' ')}`);
          if (bad) client.nack(r, message(bad.replace('=bad', '')));
          else client.ack(r);
        }
      }
      return story;
    };

    test('the culprit is found by halves; the others arrive, and it stays as it was', () => {
      const { server, client } = sidecar(protocol, { listeners: ['a=0', 'b=0', 'c=0', 'd=0'] }, [], []);
      server.push({ listeners: ['a=1', 'b=1', 'c=bad', 'd=1'] });
      const story = rejectBad(client, () => 'no');
      assert.deepEqual(
        story,
        delta
          ? ['NACK a=1 b=1 c=bad d=1', 'ACK a=1 b=1', 'NACK c=bad d=1', 'NACK c=bad', 'ACK d=1']
          : [
              'NACK a=1 b=1 c=bad d=1',
              'ACK a=1 b=1 c=0 d=0',
              'NACK a=1 b=1 c=bad d=1',
              'NACK a=1 b=1 c=bad d=0',
              'ACK a=1 b=1 c=0 d=1',
            ],
      );
      assert.deepEqual(server.nacks(), ['Listener c: no']);
      assert.ok(server.synced, 'what was set aside is not waited for');
    });

    test('a message that names the culprit saves the search', () => {
      const { server, client } = sidecar(protocol, { listeners: [] }, [], []);
      server.push({ listeners: ['a=1', 'b=bad', 'c=1', 'd=1'] });
      const story = rejectBad(client, (name) => `Error adding/updating listener(s) ${name}: no`);
      assert.deepEqual(story, [
        'NACK a=1 b=bad c=1 d=1',
        'ACK a=1 c=1 d=1',
        delta ? 'NACK b=bad' : 'NACK a=1 b=bad c=1 d=1',
      ]);
    });

    test('a resource that was set aside is tried again when it changes, and only then', () => {
      const { server, client } = sidecar(protocol, { listeners: ['a=0', 'b=0'] }, [], []);
      server.push({ listeners: ['a=bad', 'b=0'] });
      rejectBad(client, () => 'no');
      server.push({ listeners: ['a=bad', 'b=1'] });
      assert.deepEqual(
        rejectBad(client, () => 'no'),
        [delta ? 'ACK b=1' : 'ACK a=0 b=1'],
      );
      server.push({ listeners: ['a=2', 'b=1'] });
      assert.deepEqual(
        rejectBad(client, () => 'no'),
        [delta ? 'ACK a=2' : 'ACK a=2 b=1'],
      );
      assert.ok(server.synced);
    });

    test('while a route is rejected, the clusters that its last version points to stay', () => {
      const { server, client, listed } = sidecar(
        protocol,
        { clusters: ['old'], routes: ['r=1'] },
        ['old', 'new'],
        ['r'],
      );
      server.push({ clusters: ['new'], routes: ['r=bad'] });
      const seen: string[] = [];
      for (let responses = client.takeResponses(); responses.length > 0; responses = client.takeResponses())
        for (const r of responses) {
          seen.push(`${r.type}: ${r.resources.join(' ')}${r.removed.map((n) => ` -${n}`).join('')}`);
          if (r.type === 'routeConfiguration') client.nack(r, 'no', listed(r.type));
          else client.ack(r, listed(r.type));
        }
      assert.ok(!seen.some((s) => s.includes('-old')), seen.join('; '));
      if (!delta) assert.equal(seen[0], 'cluster: old new');
      server.push({ clusters: ['new'], routes: ['r=2'] });
      assert.deepEqual(
        client.ackAll(listed),
        delta
          ? ['routeConfiguration: r', 'cluster: -old', 'clusterLoadAssignment: -old']
          : ['routeConfiguration: r', 'cluster: new'],
      );
    });

    test('a rejected new cluster does not hold up the routes', () => {
      const { server, client, ackAll } = sidecar(protocol, { clusters: [], routes: ['r=1'] }, [], ['r']);
      server.push({ clusters: ['a'], routes: ['r=2'] });
      const [response] = client.takeResponses();
      assert.ok(response);
      client.nack(response, 'no');
      assert.deepEqual(ackAll(), ['routeConfiguration: r']);
    });
  });
}

test('a delta client that reconnects keeps withdrawn clusters until it has asked for listeners', async () => {
  const server = new TestServer({ clusters: ['a'], listeners: ['l'] });
  const client = new ScriptedClient(server.ads, 'delta');
  client.send('cluster', { initialResourceVersions: { gone: '1' } });
  assert.deepEqual(client.ackAll(), ['cluster: a']);
  client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['a'] });
  assert.deepEqual(client.ackAll(), ['clusterLoadAssignment: a']);
  client.send('listener');
  assert.deepEqual(client.ackAll(), ['listener: l', 'cluster: -gone']);
});

test('a delta client that reconnects and never asks for listeners is told after the deadline', async () => {
  const server = new TestServer({});
  const client = new ScriptedClient(server.ads, 'delta');
  client.send('cluster', { initialResourceVersions: { gone: '1' } });
  assert.deepEqual(client.ackAll(), ['cluster:']);
  await server.clock.advance(1000);
  assert.deepEqual(client.ackAll(), ['cluster: -gone']);
});

test('a client that names a resource it does not see by wildcard learns of clusters on demand, and is not held up', () => {
  // gRPC: the listener first, then its route, then the cluster it names, then its endpoints.
  const server = new TestServer({ clusters: ['a', 'b'], listeners: ['l'], routes: ['r'] });
  const client = new ScriptedClient(server.ads, 'sotw');
  client.send('listener', { resourceNames: ['l'] });
  client.send('routeConfiguration', { resourceNames: ['r'] });
  assert.deepEqual(client.take(), ['listener: l', 'routeConfiguration: r']);
  client.send('cluster', { resourceNames: ['b'] });
  client.send('clusterLoadAssignment', { resourceNames: ['b'] });
  assert.deepEqual(client.take(), ['cluster: b', 'clusterLoadAssignment: b']);
});

test('a stream without a node, of garbage, or refused ends with its status', () => {
  const server = new TestServer({});
  const garbage = new ScriptedClient(server.ads, 'delta');
  garbage.sendBytes(Buffer.from('0aff', 'hex'));
  assert.equal(garbage.status?.code, 3);
  const anonymous = new ScriptedClient(server.ads, 'delta');
  anonymous.sendBytes(new Uint8Array(0));
  assert.deepEqual(anonymous.status, { code: 3, message: 'the first request of a stream must have a node' });
});

test('a stream of endless types is ended', () => {
  const server = new TestServer({});
  const client = new ScriptedClient(server.ads, 'sotw');
  for (let i = 0; i < 40 && !client.status; i++) client.send('cluster', { typeUrl: `type.googleapis.com/t${i}` });
  assert.equal(client.status?.code, 8);
});

test('a client that goes away is forgotten, with its timers', () => {
  const { server, client } = sidecar('delta', { clusters: ['a'] }, ['a'], []);
  server.push({ clusters: ['a', 'b'] });
  assert.equal(server.clock.pending, 1, 'the warming deadline');
  client.disconnect();
  assert.deepEqual([server.clock.pending, server.ads.connections.length], [0, 0]);
  assert.equal(server.events.at(-1)?.kind, 'disconnect');
});

test('delta comes in parts of a bounded size, and routes wait for the last of the clusters', () => {
  const server = new TestServer({ clusters: ['a', 'b', 'c'], endpoints: [], listeners: ['l'] }, 1);
  const client = new ScriptedClient(server.ads, 'delta');
  client.send('cluster');
  client.send('listener');
  assert.deepEqual(client.ackAll(), ['cluster: a', 'cluster: b', 'cluster: c', 'listener: l']);
});

describe('virtual hosts', () => {
  const open = (shape: MeshShape, maxResponseBytes?: number) => {
    const server = new TestServer(shape, maxResponseBytes);
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster');
    client.send('listener');
    client.send('routeConfiguration', { resourceNamesSubscribe: ['t'] });
    const story = client.ackAll();
    client.send('virtualHost');
    story.push(...client.ackAll());
    return { server, client, story };
  };

  test('come after their table at first, and before it when both change, once new clusters are there', () => {
    const { server, client, story } = open({ clusters: [], routes: ['t=1'], virtualHosts: ['t/a=1'] });
    assert.deepEqual(story.slice(-2), ['routeConfiguration: t', 'virtualHost: t/a=1']);
    server.push({ clusters: ['c'], endpoints: [], routes: ['t=2'], virtualHosts: ['t/a=2', 't/b=1'] });
    assert.deepEqual(client.ackAll(), ['cluster: c', 'virtualHost: t/a=2 t/b=1', 'routeConfiguration: t']);
  });

  test('are withdrawn before the clusters that they led to', () => {
    const { server, client } = open({ clusters: ['c'], endpoints: [], virtualHosts: ['t/a=1', 't/b=1'] });
    server.push({ clusters: [], virtualHosts: ['t/a=1'] });
    assert.deepEqual(client.ackAll(), ['virtualHost: -t/b', 'cluster: -c']);
  });

  test('one that is rejected is set aside alone, and keeps the clusters that its last version leads to', () => {
    const { server, client } = open({ clusters: ['c'], endpoints: [], virtualHosts: ['t/a=1', 't/b=1'] });
    server.push({ clusters: [], virtualHosts: ['t/a=bad', 't/b=2'] });
    const seen: string[] = [];
    for (let responses = client.takeResponses(); responses.length > 0; responses = client.takeResponses())
      for (const r of responses) {
        const bad = r.resources.some((name) => name.endsWith('=bad'));
        seen.push(`${bad ? 'NACK' : 'ACK'} ${r.resources.join(' ')}${r.removed.map((n) => ` -${n}`).join('')}`);
        if (bad) client.nack(r, 't/a: no');
        else client.ack(r);
      }
    assert.deepEqual(seen, ['NACK t/a=bad t/b=2', 'ACK t/b=2', 'NACK t/a=bad']);
    assert.deepEqual(server.nacks(), ['VirtualHost t/a: t/a: no']);
    server.push({ clusters: [], virtualHosts: ['t/a=2', 't/b=2'] });
    assert.deepEqual(client.ackAll(), ['virtualHost: t/a=2', 'cluster: -c']);
  });

  test('the first of them come in one response however large, as a table is whole with it; later ones in parts', () => {
    const { server, client, story } = open({ virtualHosts: ['t/a=1', 't/b=1'] }, 1);
    assert.equal(story.at(-1), 'virtualHost: t/a=1 t/b=1');
    server.push({ virtualHosts: ['t/a=2', 't/b=2'] });
    assert.deepEqual(client.ackAll(), ['virtualHost: t/a=2', 'virtualHost: t/b=2']);
  });
});
