import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { methods, typeUrls } from '@weft/xds-api/type-urls';
import { readDeltaResponse } from '../codec/delta-response.ts';
import { encodeMessage } from '../codec/encode.ts';
import { openStream } from '../grpc/client.ts';
import { serveGrpc } from '../grpc/server.ts';
import type { GrpcStream } from '../grpc/stream.ts';
import { makeSnapshot, type Snapshot } from '../snapshot.ts';
import { AdsServer } from './ads-server.ts';
import { ScriptedClient, TestServer } from './testing/scripted-client.ts';

test('while the connection takes no more, nothing is written; then the newest state, once', () => {
  const server = new TestServer({ clusters: ['a=0'], endpoints: [], listeners: ['l=0'] });
  const client = new ScriptedClient(server.ads, 'delta');
  client.send('cluster');
  client.send('listener');
  client.ackAll();
  client.full = true;
  for (let n = 1; n <= 1000; n++)
    server.push({ clusters: [`a=${n}`], endpoints: [], listeners: [`l=${n}`, `other-${n % 7}=${n}`] });
  const [only, ...more] = client.takeResponses();
  assert.ok(only);
  assert.deepEqual([only.resources, more], [['a=1'], []]);
  client.ack(only);
  assert.deepEqual(client.take(), [], 'an answer does not open a connection that is full');
  client.read();
  assert.deepEqual(client.ackAll(), ['cluster: a=1000', 'listener: l=1000 other-6=1000']);
  assert.ok(server.synced);
});

test('a client that never answers is told one thing of each type, and gets the newest state when it does', () => {
  const server = new TestServer({ clusters: ['a=0'], endpoints: [] });
  const client = new ScriptedClient(server.ads, 'delta');
  client.send('cluster');
  for (let n = 1; n <= 1000; n++) server.push({ clusters: [`a=${n}`, `b-${n % 3}=${n}`], endpoints: [] });
  const [first, ...more] = client.takeResponses();
  assert.ok(first);
  assert.deepEqual([first.resources, more], [['a=0'], []]);
  client.ack(first);
  assert.deepEqual(client.ackAll(), ['cluster: a=1000 b-1=1000']);
});

const LARGE = 'x'.repeat(50_000);
const large = (mark: number): Snapshot =>
  makeSnapshot({ [typeUrls.cluster]: [{ name: 'a', altStatName: `${mark}${LARGE}` }] });

/** A server on a socket that counts what it writes. */
const start = async (t: TestContext) => {
  const written: number[] = [];
  const ads = new AdsServer({ clock: systemClock, connect: () => ({ snapshot: large(0) }) });
  const server = createServer();
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => sessions.add(session));
  const counted = (stream: GrpcStream): GrpcStream => ({
    onMessage: (handler) => stream.onMessage(handler),
    onEnd: (handler) => stream.onEnd(handler),
    onDrain: (handler) => stream.onDrain(handler),
    onClose: (handler) => stream.onClose(handler),
    end: () => stream.end(),
    fail: (code, message) => stream.fail(code, message),
    write: (message) => {
      written.push(message instanceof Uint8Array ? message.length : message.reduce((sum, m) => sum + m.length, 0));
      return stream.write(message);
    },
  });
  serveGrpc(
    server,
    new Map([
      [
        methods.deltaAggregatedResources,
        (stream: GrpcStream) => ads.accept('delta', counted(stream), { principal: '' }),
      ],
    ]),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => {});
  t.after(() => {
    session.destroy();
    for (const each of sessions) each.destroy();
    server.close();
  });
  return { ads, session, written };
};

test('a client that does not read its socket costs one response while 1,000 changes of 50 kB pass', async (t) => {
  const { ads, session, written } = await start(t);
  const stream = openStream(session, methods.deltaAggregatedResources);
  const send = (fields: object): void => {
    stream.write(
      encodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', { typeUrl: typeUrls.cluster, ...fields }),
    );
  };
  send({ node: { id: 'n' } });
  while (ads.connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const [connection] = ads.connections;
  assert.ok(connection);
  for (let mark = 1; mark <= 1000; mark++) {
    ads.push(connection.id, large(mark));
    if (mark % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(written.length, 1);
  const marks: string[] = [];
  const newest = Promise.withResolvers<void>();
  stream.onMessage((bytes) => {
    const response = readDeltaResponse(bytes);
    for (const { bytes: cluster } of response.resources)
      marks.push(/\d+(?=x)/.exec(Buffer.from(cluster).toString())?.[0] ?? '');
    send({ responseNonce: response.nonce });
    if (marks.at(-1) === '1000') newest.resolve();
  });
  await newest.promise;
  assert.deepEqual(marks, ['0', '1000']);
});
