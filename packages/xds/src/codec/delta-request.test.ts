import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftError } from '@weft/base/errors';
import fc from 'fast-check';
import { decodeMessage } from './decode.ts';
import { readDeltaRequest } from './delta-request.ts';
import { encodeMessage } from './encode.ts';

const TYPE = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const names = fc.array(fc.string({ unit: 'grapheme', maxLength: 80 }));
const requests = fc.record({
  typeUrl: fc.string(),
  resourceNamesSubscribe: names,
  resourceNamesUnsubscribe: names,
  initialResourceVersions: fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
  responseNonce: fc.string(),
  node: fc.option(fc.record({ id: fc.string({ minLength: 1 }) }), { nil: undefined }),
  errorDetail: fc.option(fc.record({ code: fc.nat(), message: fc.string() }), { nil: undefined }),
});

test('what is read by hand is what the codec reads', () => {
  fc.assert(
    fc.property(requests, (request) => {
      const read = readDeltaRequest(encodeMessage(TYPE, request));
      assert.equal(read.typeUrl, request.typeUrl);
      assert.equal(read.nonce, request.responseNonce);
      assert.deepEqual(read.subscribe, request.resourceNamesSubscribe);
      assert.deepEqual(read.unsubscribe, request.resourceNamesUnsubscribe);
      assert.deepEqual(read.initialVersions, new Map(Object.entries(request.initialResourceVersions)));
      assert.deepEqual(
        read.node && decodeMessage('envoy.config.core.v3.Node', read.node),
        request.node ? { id: request.node.id } : null,
      );
      assert.equal(read.error !== null, request.errorDetail !== undefined);
    }),
  );
});

test('bytes of any kind are read or refused, as the codec would', () => {
  const mutated = fc.tuple(requests, fc.nat(), fc.nat(255), fc.nat()).map(([request, at, byte, cut]) => {
    const bytes = Uint8Array.from(encodeMessage(TYPE, request));
    if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes.subarray(0, bytes.length - (cut % 3));
  });
  fc.assert(
    fc.property(mutated, (bytes) => {
      try {
        readDeltaRequest(bytes);
      } catch (error) {
        assert.ok(error instanceof WeftError);
        assert.throws(() => decodeMessage(TYPE, bytes), WeftError);
      }
    }),
    { numRuns: 2000 },
  );
});
