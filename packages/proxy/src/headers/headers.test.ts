import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { labels } from '../testing/data-path.ts';
import { clientCertElement } from './client-cert.ts';
import { noNames } from '@weft/traffic/tls-config';
import { encodePeerMetadata, peerLabelsOf, unknownPeer } from './peer-metadata.ts';
import type { StructValue } from './struct.ts';
import { requestId, traceparent } from './random-ids.ts';
import { addRequestHeaders, forwardClientCert, type KnownHeaders, sieveRequestHeaders } from './request-headers.ts';
import { sieveResponseHeaders } from './response-headers.ts';

const known = (): KnownHeaders => ({
  requestId: '',
  userAgent: '',
  forwardedFor: '',
  forwardedProto: '',
  forwardedClientCert: '',
  peerMetadata: '',
  traced: false,
  grpc: false,
});

describe('headers of a request', () => {
  const sent = [
    ['x-envoy-retry-on', '5xx'],
    ['accept', '*/*'],
    ['x-envoy-peer-metadata', 'bWV0YQ=='],
    ['x-envoy-peer-metadata-id', 'id'],
    ['x-envoy-attempt-count', '2'],
    ['x-forwarded-client-cert', 'By=me'],
    ['x-forwarded-proto', 'https'],
    ['user-agent', 'curl'],
    ['content-type', 'application/grpc+proto'],
  ].flat();

  it('from outside lose what only the mesh may say', () => {
    const headers = [...sent];
    const k = known();
    sieveRequestHeaders(headers, false, k);
    assert.deepEqual(headers, ['accept', '*/*', 'user-agent', 'curl', 'content-type', 'application/grpc+proto']);
    assert.equal(k.peerMetadata, '');
    assert.equal(k.userAgent, 'curl');
    assert.equal(k.grpc, true);
  });

  it('from a peer’s sidecar keep what it may say, and give its metadata', () => {
    const headers = [...sent];
    const k = known();
    sieveRequestHeaders(headers, true, k);
    assert.ok(headers.includes('x-envoy-attempt-count'));
    assert.ok(!headers.includes('x-envoy-peer-metadata'));
    assert.ok(!headers.includes('x-envoy-retry-on'));
    assert.equal(k.peerMetadata, 'bWV0YQ==');
  });

  it('get a request id and a trace where they have none, and keep theirs', () => {
    const headers: string[] = [];
    assert.equal(
      addRequestHeaders(headers, known(), false, () => 0),
      'http',
    );
    assert.deepEqual(
      headers.filter((_, i) => i % 2 === 0),
      ['x-forwarded-proto', 'x-request-id', 'traceparent'],
    );
    assert.match(headers[5]!, /-01$/);
    const own: string[] = [];
    const k = { ...known(), requestId: 'mine', traced: true, forwardedProto: 'https' };
    assert.equal(
      addRequestHeaders(own, k, false, () => 0),
      'https',
    );
    assert.deepEqual(own, ['x-forwarded-proto', 'https']);
    assert.equal(
      addRequestHeaders([], { ...k, forwardedProto: 'gopher' }, true, () => 0),
      'https',
    );
  });

  it('carry the client’s certificate as the connection manager says', () => {
    const of = (rule: Parameters<typeof forwardClientCert>[1], received: string, own: string): string | undefined => {
      const headers: string[] = [];
      forwardClientCert(headers, rule, received, own);
      return headers[1];
    };
    assert.equal(of('sanitize', 'old', 'own'), undefined);
    assert.equal(of('sanitize_set', 'old', 'own'), 'own');
    assert.equal(of('sanitize_set', 'old', ''), undefined);
    assert.equal(of('append_forward', 'old', 'own'), 'old,own');
    assert.equal(of('append_forward', 'old', ''), undefined);
    assert.equal(of('forward_only', 'old', 'own'), 'old');
    assert.equal(of('forward_only', 'old', ''), undefined);
    assert.equal(of('always_forward_only', 'old', ''), 'old');
    const element = clientCertElement(
      { names: { ...noNames, uris: ['spiffe://t/a'], subject: 'CN="x"' }, fingerprint: 'ff', notAfterMs: 0 },
      'spiffe://t/b',
    );
    assert.equal(element, 'By=spiffe://t/b;Hash=ff;Subject="CN=\\"x\\"";URI=spiffe://t/a');
  });

  it('ids are well formed and differ', () => {
    const ids = Array.from({ length: 1000 }, requestId);
    assert.equal(new Set(ids).size, 1000);
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const traces = Array.from({ length: 1000 }, () => traceparent(false));
    assert.equal(new Set(traces).size, 1000);
    for (const trace of traces) assert.match(trace, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/);
  });
});

it('headers of a response lose what is between proxies', () => {
  const headers = [
    'x-envoy-upstream-service-time',
    '1',
    'a',
    'b',
    'x-envoy-peer-metadata-id',
    'x',
    'grpc-status',
    '14',
    'x-envoy-peer-metadata',
    'y',
  ];
  assert.equal(sieveResponseHeaders(headers), '14');
  assert.deepEqual(headers, ['a', 'b', 'grpc-status', '14']);
});

describe('peer metadata', () => {
  it('gives the labels that Istio’s metrics use', () => {
    const value = encodePeerMetadata({
      NAME: 'a-1',
      NAMESPACE: 'default',
      WORKLOAD_NAME: 'a',
      CLUSTER_ID: 'Kubernetes',
      LABELS: { app: 'a', version: 'v1' },
      OWNER: 'x',
      more: [1.5, true, null, { deep: 'er' }],
    });
    assert.deepEqual(peerLabelsOf(value), labels('a'));
    assert.equal(peerLabelsOf(value), peerLabelsOf(value), 'decoded once');
  });

  it('is an unknown peer where it cannot be read, and never throws', () => {
    assert.equal(peerLabelsOf('bm9uc2Vuc2U='), unknownPeer);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        (bytes) => void peerLabelsOf(Buffer.from(bytes).toString('base64')),
      ),
    );
    let deep: StructValue = 'x';
    for (let i = 0; i < 100; i++) deep = [deep];
    assert.equal(peerLabelsOf(encodePeerMetadata({ deep })), unknownPeer);
  });

  it('canonical names come from their own labels first', () => {
    const value = encodePeerMetadata({
      WORKLOAD_NAME: 'w',
      LABELS: { 'service.istio.io/canonical-name': 'c', 'service.istio.io/canonical-revision': 'r', app: 'a' },
    });
    const { canonicalName, canonicalRevision, app, version } = peerLabelsOf(value);
    assert.deepEqual([canonicalName, canonicalRevision, app, version], ['c', 'r', 'a', 'unknown']);
  });
});
