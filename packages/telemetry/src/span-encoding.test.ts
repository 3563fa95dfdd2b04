import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otlpEncoding } from './span-otlp.ts';
import { zipkinEncoding } from './span-zipkin.ts';
import type { Span } from './span.ts';

const span: Span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: 'aaaaaaaaaaaaaaaa',
  name: 'reviews.default.svc.cluster.local:9080/*',
  kind: 'CLIENT',
  startMs: 1_767_323_045_678.25,
  durationMs: 1.5,
  tags: ['http.method', 'GET', 'http.status_code', '503'],
  error: true,
};
const source = { serviceName: 'reviews.default', address: '127.1.0.2', attributes: { 'service.namespace': 'default' } };

test('Zipkin: JSON of version 2, times in microseconds', () => {
  assert.deepEqual(JSON.parse(zipkinEncoding.encode([span], source).toString()), [
    {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      id: '00f067aa0ba902b7',
      parentId: 'aaaaaaaaaaaaaaaa',
      name: 'reviews.default.svc.cluster.local:9080/*',
      kind: 'CLIENT',
      timestamp: 1_767_323_045_678_250,
      duration: 1500,
      localEndpoint: { serviceName: 'reviews.default', ipv4: '127.1.0.2' },
      tags: { 'http.method': 'GET', 'http.status_code': '503', error: 'true' },
    },
  ]);
});

test('OTLP: protobuf as protoc reads it', () => {
  const bytes = otlpEncoding.encode([span], source);
  // protoc --decode=opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest has these fields in this order.
  assert.deepEqual(fields(bytes, '1.1.1'), [
    ['1', 'service.name', '2.1', 'reviews.default'],
    ['1', 'service.namespace', '2.1', 'default'],
  ]);
  const [only = Buffer.alloc(0)] = at(bytes, '1.2.2');
  assert.equal(at(only, '1')[0]?.toString('hex'), span.traceId);
  assert.equal(at(only, '2')[0]?.toString('hex'), span.spanId);
  assert.equal(at(only, '4')[0]?.toString('hex'), span.parentSpanId);
  assert.equal(at(only, '5')[0]?.toString(), span.name);
  assert.deepEqual([...(at(only, '6')[0] ?? [])], [3]);
  assert.equal(at(only, '7')[0]?.readBigUInt64LE(), 1_767_323_045_678_250_000n);
  assert.equal(at(only, '8')[0]?.readBigUInt64LE(), 1_767_323_045_679_750_000n);
  assert.deepEqual(fields(only, '9'), [
    ['1', 'http.method', '2.1', 'GET'],
    ['1', 'http.status_code', '2.1', '503'],
  ]);
  assert.deepEqual([...(at(only, '15.3')[0] ?? [])], [2]);
});

/** The values of a field, by its path of numbers; a reader of protobuf that shares nothing with the writer. */
const at = (bytes: Buffer, path: string): Buffer[] => {
  const [field, ...rest] = path.split('.');
  const found: Buffer[] = [];
  for (let i = 0; i < bytes.length; ) {
    let key = 0;
    let shift = 0;
    const varint = (): number => {
      let result = 0;
      for (shift = 0; ; shift += 7) {
        const byte = bytes[i++] as number;
        result += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return result;
      }
    };
    key = varint();
    const type = key & 7;
    let value: Buffer;
    if (type === 2) {
      const length = varint();
      value = bytes.subarray(i, i + length);
      i += length;
    } else if (type === 1 || type === 5) {
      value = bytes.subarray(i, i + (type === 1 ? 8 : 4));
      i += value.length;
    } else value = Buffer.from([varint()]);
    if (key >>> 3 === Number(field)) found.push(value);
  }
  return rest.length === 0 ? found : found.flatMap((inner) => at(inner, rest.join('.')));
};

/** `KeyValue`s at a path. */
const fields = (bytes: Buffer, path: string): string[][] =>
  at(bytes, path).map((kv) => ['1', String(at(kv, '1')[0]), '2.1', String(at(kv, '2.1')[0])]);
