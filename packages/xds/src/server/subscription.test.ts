import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { typeUrls } from '@weft/xds-api/type-urls';
import { ScriptedClient, TestServer } from './testing/scripted-client.ts';

// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return

describe('state of the world', () => {
  test('an empty first request asks for everything', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('cluster');
    assert.deepEqual(client.take(), ['cluster: a b']);
  });

  test('an empty list after names were given asks for nothing', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('cluster', { resourceNames: ['a'] });
    const [response] = client.takeResponses();
    assert.ok(response);
    assert.deepEqual(response.resources, ['a']);
    client.ack(response, { resourceNames: [] });
    server.push({ clusters: ['a=2', 'b=2'] });
    assert.deepEqual(client.take(), []);
  });

  test('* asks for everything at any time, beside names', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('cluster', { resourceNames: ['a'] });
    const [response] = client.takeResponses();
    assert.ok(response);
    client.ack(response, { resourceNames: ['a', '*'] });
    assert.deepEqual(client.take(), ['cluster: a b']);
  });

  test('a name more is answered with that resource, an ACK with nothing', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('clusterLoadAssignment', { resourceNames: ['a'] });
    const [first] = client.takeResponses();
    assert.ok(first);
    client.ack(first, { resourceNames: ['a'] });
    assert.deepEqual(client.take(), []);
    client.send('clusterLoadAssignment', { resourceNames: ['a', 'b'], responseNonce: first.nonce });
    assert.deepEqual(client.take(), ['clusterLoadAssignment: b']);
  });

  test('a resource dropped and asked for again is sent again', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('clusterLoadAssignment', { resourceNames: ['a', 'b'] });
    const [first] = client.takeResponses();
    assert.ok(first);
    client.ack(first, { resourceNames: ['a'] });
    client.ack(first, { resourceNames: ['a', 'b'] });
    assert.deepEqual(client.take(), ['clusterLoadAssignment: b']);
  });

  test('a listener that does not exist is answered without it, which says so', () => {
    const server = new TestServer({ listeners: ['x'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('listener', { resourceNames: ['y'] });
    assert.deepEqual(client.take(), ['listener:']);
  });

  test('a request that answers an older response is void', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'sotw');
    client.send('clusterLoadAssignment', { resourceNames: ['a'] });
    const [first] = client.takeResponses();
    assert.ok(first);
    client.ack(first, { resourceNames: ['a', 'b'] });
    const [second] = client.takeResponses();
    assert.ok(second);
    client.ack(first, { resourceNames: [] });
    client.ack(second, { resourceNames: ['a', 'b'] });
    assert.deepEqual(client.take(), [], 'b was not dropped by the void request, so it is not sent again');
  });
});

describe('delta', () => {
  test('an empty first request asks for everything, and is answered even if there is nothing', () => {
    const server = new TestServer({});
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster');
    const [response] = client.takeResponses();
    assert.ok(response);
    assert.deepEqual(response.resources, []);
    client.ack(response);
    server.push({ clusters: ['a'] });
    assert.deepEqual(client.take(), ['cluster: a']);
  });

  test('a name that does not exist is answered with its removal, and sent once it exists', () => {
    const server = new TestServer({});
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['a'] });
    const [response] = client.takeResponses();
    assert.ok(response);
    assert.deepEqual(response.removed, ['a']);
    client.ack(response);
    server.push({ endpoints: ['a', 'b'] });
    assert.deepEqual(client.take(), ['clusterLoadAssignment: a']);
  });

  test('a resource asked for again is sent again, though the client has it', () => {
    const server = new TestServer({ clusters: ['a'] });
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['a'] });
    client.ackAll();
    client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['a'] });
    assert.deepEqual(client.take(), ['clusterLoadAssignment: a']);
  });

  test('what is unsubscribed is not sent', () => {
    const server = new TestServer({ endpoints: ['a', 'b'], clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster', { resourceNamesSubscribe: ['a', 'b'] });
    client.ackAll();
    client.send('cluster', { resourceNamesUnsubscribe: ['a'] });
    server.push({ endpoints: ['a', 'b'], clusters: ['a=2', 'b=2'] });
    assert.deepEqual(client.take(), ['cluster: b=2']);
  });

  test('dropping a name under a wildcard tells whether it is still there', () => {
    const server = new TestServer({ clusters: ['a'] });
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster', { resourceNamesSubscribe: ['*', 'a', 'gone'] });
    client.ackAll();
    client.send('cluster', { resourceNamesUnsubscribe: ['a', 'gone'] });
    assert.deepEqual(client.take(), ['cluster: a -gone']);
  });

  test('a wildcard that ends leaves the names', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster', { resourceNamesSubscribe: ['*', 'a'] });
    client.ackAll();
    client.send('cluster', { resourceNamesUnsubscribe: ['*'] });
    server.push({ clusters: ['a=2', 'b=2'] });
    assert.deepEqual(client.take(), ['cluster: a=2']);
  });

  test('a client that reconnects up to date is told nothing, but its wildcard is answered', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const before = new ScriptedClient(server.ads, 'delta');
    before.send('cluster');
    const versions = Object.fromEntries(['a', 'b'].map((n) => [n, versionOf(server, 'cluster', n)]));
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster', { initialResourceVersions: versions });
    assert.deepEqual(client.take(), ['cluster:']);
    const endpoints = Object.fromEntries(['a', 'b'].map((n) => [n, versionOf(server, 'clusterLoadAssignment', n)]));
    client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['a', 'b'], initialResourceVersions: endpoints });
    assert.deepEqual(client.take(), []);
  });

  test('a client that reconnects out of date is sent what changed', () => {
    const server = new TestServer({ clusters: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('cluster', { initialResourceVersions: { a: versionOf(server, 'cluster', 'a'), b: 'old' } });
    assert.deepEqual(client.take(), ['cluster: b']);
  });

  test('an acknowledgement with an old nonce still subscribes', () => {
    const server = new TestServer({ endpoints: ['a', 'b'] });
    const client = new ScriptedClient(server.ads, 'delta');
    client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['a'] });
    client.ackAll();
    client.send('clusterLoadAssignment', { resourceNamesSubscribe: ['b'], responseNonce: 'ancient' });
    assert.deepEqual(client.take(), ['clusterLoadAssignment: b']);
  });
});

const versionOf = (server: TestServer, type: keyof typeof typeUrls, name: string): string =>
  server.snapshot.resources.get(typeUrls[type])?.get(name)?.version ?? '';
