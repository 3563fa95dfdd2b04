// The server against a client that no one here wrote: @grpc/grpc-js with protobuf-es messages' bytes made by our codec.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '@weft/base/clock';
import { methods, typeUrls } from '@weft/xds-api/type-urls';
import { decodeMessage } from '../codec/decode.ts';
import { encodeMessage } from '../codec/encode.ts';
import { serveGrpc } from '../grpc/server.ts';
import { AdsServer } from './ads-server.ts';
import { snapshotOf } from './testing/scripted-client.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const start = async (ads: AdsServer): Promise<Client> => {
  const server = createServer();
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => sessions.add(session));
  serveGrpc(
    server,
    ads.routes(() => ({ principal: '' })),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client(`127.0.0.1:${(server.address() as AddressInfo).port}`, credentials.createInsecure());
  closers.push(() => {
    client.close();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return client;
};

interface Response {
  nonce: string;
  versionInfo?: string;
  resources?: { name?: string; resource?: { name: string } }[];
  removedResources?: string[];
}

for (const mode of ['DiscoveryRequest', 'DeltaDiscoveryRequest'] as const) {
  const sotw = mode === 'DiscoveryRequest';
  test(`grpc-js receives, acknowledges and is pushed to: ${sotw ? 'state of the world' : 'delta'}`, async () => {
    const first = snapshotOf({ clusters: ['a', 'b'], endpoints: [] });
    const synced = Promise.withResolvers<void>();
    const ads: AdsServer = new AdsServer({
      clock: systemClock,
      connect: () => ({ snapshot: first }),
      onEvent: (event) => {
        if (event.kind !== 'synced') return;
        if (event.version === second.version) synced.resolve();
        else ads.push(event.connection.id, second);
      },
    });
    const second = snapshotOf({ clusters: ['b', 'c'], endpoints: [] });
    const client = await start(ads);
    const stream = client.makeBidiStreamRequest<object, Response>(
      sotw ? methods.streamAggregatedResources : methods.deltaAggregatedResources,
      (request) => Buffer.from(encodeMessage(`envoy.service.discovery.v3.${mode}`, request)),
      (bytes) => decodeMessage(`envoy.service.discovery.v3.${mode.replace('Request', 'Response')}`, bytes),
    );
    stream.on('error', () => {});
    const received: string[] = [];
    stream.on('data', (response: Response) => {
      const names = (response.resources ?? []).map((r) => r.name ?? '');
      received.push([...names, ...(response.removedResources ?? []).map((n) => `-${n}`)].join(' '));
      stream.write({ typeUrl: typeUrls.cluster, responseNonce: response.nonce });
    });
    stream.write({ typeUrl: typeUrls.cluster, node: { id: 'grpc-js' } });
    await synced.promise;
    assert.deepEqual(received, sotw ? ['a b', 'a b c', 'b c'] : ['a b', 'c', '-a']);
    stream.cancel();
  });
}

test('grpc-js is told why it is refused', async () => {
  const ads = new AdsServer({ clock: systemClock, connect: ({ node }) => ({ refuse: `no ${node.id} here` }) });
  const client = await start(ads);
  const stream = client.makeBidiStreamRequest<object, Response>(
    methods.deltaAggregatedResources,
    (request) => Buffer.from(encodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', request)),
    () => ({ nonce: '' }),
  );
  stream.on('data', () => {});
  const failure = once(stream, 'error') as Promise<[ServiceError]>;
  stream.write({ typeUrl: typeUrls.cluster, node: { id: 'n' } });
  // `once` rejects with an error event of its own name, so the error comes as its value.
  const [error] = await failure;
  assert.deepEqual([error.code, error.details], [7, 'no n here']);
});
