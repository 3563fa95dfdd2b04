import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  makeGenericClientConstructor,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { startListener } from './stack.ts';
import { chain, forwardTo, listener, manager, retryPolicy, table, TestContext } from './testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';

const text = (bytes: Buffer): string => bytes.toString();
const bytes = (value: string): Buffer => Buffer.from(value);
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Words/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: text,
  responseSerialize: bytes,
  responseDeserialize: text,
});
const words: ServiceDefinition = {
  Upper: method('Upper', false, false),
  Split: method('Split', false, true),
  Join: method('Join', true, false),
  Echo: method('Echo', true, true),
};

interface WordsClient {
  Upper(
    word: string,
    metadata: Metadata,
    options: object,
    done: (error: ServiceError | null, answer: string) => void,
  ): { on(event: 'status', fn: (status: { metadata: Metadata }) => void): void; cancel(): void };
  Split(word: string): ClientReadableStream<string>;
  Join(done: (error: ServiceError | null, answer: string) => void): ClientWritableStream<string>;
  Echo(): ClientDuplexStream<string, string>;
  close(): void;
}
const Client = makeGenericClientConstructor(words, 'Words') as unknown as new (
  address: string,
  credentials: unknown,
) => WordsClient;

/** How often a word was asked for that fails at first. */
const asked = new Map<string, number>();

const service = {
  Upper: (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>): void => {
    const word = call.request;
    const times = (asked.get(word) ?? 0) + 1;
    asked.set(word, times);
    const trailer = new Metadata();
    trailer.set('x-trailer', `of ${word}`);
    if (word === 'wait') return;
    if (word === 'flaky' && times < 3) done({ code: status.UNAVAILABLE, details: 'try again' });
    else if (word === 'bad') done({ code: status.INVALID_ARGUMENT, details: 'no such wörd', metadata: trailer });
    else done(null, word.toUpperCase(), trailer);
  },
  Split: (call: ServerWritableStream<string, string>): void => {
    for (const letter of call.request) call.write(letter);
    call.end();
  },
  Join: (call: ServerReadableStream<string, string>, done: sendUnaryData<string>): void => {
    let all = '';
    call.on('data', (word: string) => (all += word));
    call.on('end', () => done(null, all));
  },
  Echo: (call: ServerDuplexStream<string, string>): void => {
    call.on('data', (word: string) => call.write(word.toUpperCase()));
    call.on('end', () => call.end());
  },
};

/** grpc-js → sidecar of a (h2c) → mutual TLS, HTTP/2 by ALPN → sidecar of b → grpc-js (h2c) */
describe('gRPC by grpc-js through two sidecars', () => {
  const server = new Server();
  const closing: (() => unknown)[] = [];
  const a = new TestContext();
  const b = new TestContext();
  let client: WordsClient;

  before(async () => {
    server.addService(words, service);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const mesh = new TestMesh();
    a.tlsStore = mesh.store('a');
    b.tlsStore = mesh.store('b');
    b.addCluster('inbound', [port], { protocol: 'http2' });
    const http = manager(table(forwardTo('inbound')));
    const serverTls = tlsConfig({ sni: '', alpn: ['h2', 'http/1.1', 'istio'] });
    const inbound = await startListener(
      listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, serverTls)] }),
      b,
    );
    const clientTls = tlsConfig({ peerSans: [named(spiffe('b'))], alpn: ['istio-h2', 'istio', 'h2'] });
    a.addCluster('b', [inbound.port], { tls: clientTls, protocol: 'auto' });
    const retry = retryPolicy({ numRetries: 2, on: { grpcStatuses: [status.UNAVAILABLE] } });
    const outbound = await startListener(listener(manager(table(forwardTo('b', { retry })))), a);
    client = new Client(`127.0.0.1:${outbound.port}`, credentials.createInsecure());
    closing.push(
      () => client.close(),
      () => outbound.close(false),
      () => inbound.close(false),
      () => server.forceShutdown(),
    );
  });
  after(async () => {
    for (const close of closing) await close();
  });

  const upper = (
    word: string,
    options: object = {},
  ): Promise<{ error: ServiceError | null; answer: string; trailers: Metadata }> =>
    new Promise((resolve) => {
      let result: [ServiceError | null, string] | null = null;
      let trailers: Metadata | null = null;
      const settle = (): void => {
        if (result && trailers) resolve({ error: result[0], answer: result[1], trailers });
      };
      const call = client.Upper(word, new Metadata(), options, (error, answer) => {
        result = [error, answer];
        settle();
      });
      call.on('status', (given) => {
        trailers = given.metadata;
        settle();
      });
    });

  it('unary: answer, status, message and trailers arrive as they were sent', async () => {
    const good = await upper('hello');
    assert.deepEqual([good.error, good.answer, good.trailers.get('x-trailer')], [null, 'HELLO', ['of hello']]);
    const bad = await upper('bad');
    assert.deepEqual([bad.error?.code, bad.error?.details], [status.INVALID_ARGUMENT, 'no such wörd']);
    assert.deepEqual(bad.trailers.get('x-trailer'), ['of bad']);
  });

  it('server streaming, client streaming, both', async () => {
    const letters: string[] = [];
    for await (const letter of client.Split('abc')) letters.push(letter as string);
    assert.deepEqual(letters, ['a', 'b', 'c']);
    const joined = await new Promise<string>((resolve, reject) => {
      const call = client.Join((error, answer) => (error ? reject(error) : resolve(answer)));
      for (const word of ['x', 'y', 'z']) call.write(word);
      call.end();
    });
    assert.equal(joined, 'xyz');
    const call = client.Echo();
    const answers: string[] = [];
    // Each word only after the answer to the one before: nothing is held back anywhere.
    await new Promise<void>((resolve, reject) => {
      call.on('error', reject);
      call.on('data', (answer: string) => {
        answers.push(answer);
        if (answers.length === 5) call.end();
        else call.write(`word ${answers.length}`);
      });
      call.on('end', resolve);
      call.write('word 0');
    });
    assert.deepEqual(answers, ['WORD 0', 'WORD 1', 'WORD 2', 'WORD 3', 'WORD 4']);
  });

  it('twenty streams of 500 KB at once share the connection', async () => {
    const big = 'x'.repeat(10_000);
    const lengths = await Promise.all(
      Array.from({ length: 20 }, async () => {
        let length = 0;
        const call = client.Echo();
        call.on('data', (part: string) => (length += part.length));
        for (let i = 0; i < 50; i++) call.write(big);
        call.end();
        await new Promise((resolve, reject) => call.on('end', resolve).on('error', reject));
        return length;
      }),
    );
    assert.ok(lengths.every((length) => length === 500_000));
    const { stats } = a.clustersByName.get('b') ?? assert.fail();
    assert.equal(stats.upstream_cx_http1_total, 0);
    assert.ok(stats.upstream_cx_http2_total <= 4);
  });

  it('a status that the policy names is tried again', async () => {
    assert.equal((await upper('flaky')).answer, 'FLAKY');
    assert.equal(asked.get('flaky'), 3);
  });

  it('a deadline of the client ends the call at the server too', async () => {
    const { error } = await upper('wait', { deadline: Date.now() + 200 });
    assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    const { activeRequests } = b.clustersByName.get('inbound') ?? assert.fail();
    const until = performance.now() + 3000;
    while ((b.clustersByName.get('inbound')?.activeRequests ?? 0) > 0 && performance.now() < until)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(b.clustersByName.get('inbound')?.activeRequests, 0, `was ${activeRequests}`);
  });

  it('both sidecars tell protocol, gRPC’s status and who called', () => {
    for (const context of [a, b]) {
      assert.ok(context.requestLabels.every((labels) => labels.requestProtocol === 'grpc'));
      const ended = context.records.filter((record) => record.responseCode === 200);
      assert.ok(ended.every((record) => record.protocol === 'HTTP/2' && record.upstreamProtocol === 'HTTP/2'));
      const statuses = new Set(ended.map((record) => record.grpcStatus));
      assert.ok(statuses.has('0') && statuses.has('3'), [...statuses].join());
    }
    assert.equal(b.requestLabels[0]?.sourcePrincipal, spiffe('a'));
  });
});
