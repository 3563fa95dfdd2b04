import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type handleUnaryCall,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  credentials,
} from '@grpc/grpc-js';
import { propagating, propagationInterceptor } from './grpc.ts';
import { withPropagation } from './propagation.ts';

const asBytes = (value: string): Buffer => Buffer.from(value);
const asText = (bytes: Buffer): string => bytes.toString();
const method = (name: string) => ({
  path: `/test.Echo/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: asBytes,
  requestDeserialize: asText,
  responseSerialize: asBytes,
  responseDeserialize: asText,
});
const definition: ServiceDefinition = { Metadata: method('Metadata'), Relay: method('Relay') };
const EchoClient = makeGenericClientConstructor(definition, 'Echo');
type Unary = (message: string, metadata: Metadata, done: (error: Error | null, answer: string) => void) => void;

describe('metadata of gRPC is handed on', () => {
  const server = new Server();
  let call = (_method: string, _metadata: Metadata): Promise<Record<string, string>> =>
    Promise.reject(new Error('not started'));
  let close = (): void => {};
  before(async () => {
    const metadata: handleUnaryCall<string, string> = (served, done) =>
      done(null, JSON.stringify(served.metadata.getMap()));
    const relay: handleUnaryCall<string, string> = (_served, done) => {
      call('Metadata', new Metadata()).then(
        (seen) => done(null, JSON.stringify(seen)),
        (error: Error) => done(error),
      );
    };
    server.addService(definition, { Metadata: metadata, Relay: propagating(relay, ['x-beta']) });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const client = new EchoClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
      interceptors: [propagationInterceptor],
    });
    close = () => client.close();
    call = (name, sent) =>
      new Promise((resolve, reject) =>
        (client[name] as unknown as Unary).call(client, 'x', sent, (error, answer) =>
          error ? reject(error) : resolve(JSON.parse(answer) as Record<string, string>),
        ),
      );
  });
  after(() => {
    close();
    server.forceShutdown();
  });

  const headers = { 'x-request-id': 'r1', traceparent: 't1', 'x-other': 'no' };

  it('by the client’s interceptor', async () => {
    const seen = await withPropagation({ headers }, () => call('Metadata', new Metadata()));
    assert.equal(seen['x-request-id'], 'r1');
    assert.equal(seen.traceparent, 't1');
    assert.equal(seen['x-other'], undefined);
  });

  it('never in place of what the caller set', async () => {
    const own = new Metadata();
    own.set('x-request-id', 'own');
    const seen = await withPropagation({ headers }, () => call('Metadata', own));
    assert.equal(seen['x-request-id'], 'own');
    assert.equal(seen.traceparent, 't1');
  });

  it('from a call that is being served to the calls it makes', async () => {
    const sent = new Metadata();
    sent.set('b3', '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1');
    sent.set('x-beta', 'true');
    sent.set('authorization', 'secret');
    const seen = await call('Relay', sent);
    assert.equal(seen.b3, '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1');
    assert.equal(seen['x-beta'], 'true');
    assert.equal(seen.authorization, undefined);
  });

  it('not outside a request', async () => {
    assert.equal((await call('Metadata', new Metadata()))['x-request-id'], undefined);
  });
});
