import type { Span, SpanEncoding, SpanSource } from './span.ts';

/**
 * OTLP over HTTP in protobuf's wire format: an `ExportTraceServiceRequest`.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 * https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export const otlpEncoding: SpanEncoding = {
  contentType: 'application/x-protobuf',
  encode: (spans, source) => message(1, [message(1, resource(source)), message(2, scopeSpans(spans))]),
};

const KIND = { SERVER: 2, CLIENT: 3 } as const;
const STATUS_ERROR = 2;
/** https://www.w3.org/TR/trace-context/#trace-flags: sampled. */
const SAMPLED = 1;

const resource = ({ serviceName, attributes }: SpanSource): Buffer[] =>
  Object.entries({ 'service.name': serviceName, ...attributes }).map(([key, value]) => attribute(1, key, value));

const scopeSpans = (spans: readonly Span[]): Buffer[] => [
  message(1, [text(1, 'weft')]),
  ...spans.map((span) => message(2, spanFields(span))),
];

const spanFields = (span: Span): Buffer[] => {
  const { traceId, spanId, parentSpanId, name, kind, startMs, durationMs, tags, error } = span;
  const fields = [
    bytes(1, Buffer.from(traceId, 'hex')),
    bytes(2, Buffer.from(spanId, 'hex')),
    ...(parentSpanId === '' ? [] : [bytes(4, Buffer.from(parentSpanId, 'hex'))]),
    text(5, name),
    number(6, KIND[kind]),
    nanoseconds(7, startMs),
    nanoseconds(8, startMs + durationMs),
  ];
  for (let i = 0; i < tags.length; i += 2) fields.push(attribute(9, tags[i] as string, tags[i + 1] as string));
  if (error) fields.push(message(15, [number(3, STATUS_ERROR)]));
  fields.push(fixed32(16, SAMPLED));
  return fields;
};

/** `KeyValue` with a string as its `AnyValue`. */
const attribute = (field: number, key: string, value: string): Buffer =>
  message(field, [text(1, key), message(2, [text(1, value)])]);

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

const tag = (field: number, type: number): number[] => varint((field << 3) | type);

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);

const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([...tag(field, LENGTH), ...varint(value.length)]), value]);

const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));

const message = (field: number, parts: readonly Buffer[]): Buffer => bytes(field, Buffer.concat(parts));

const number = (field: number, value: number): Buffer => Buffer.from([...tag(field, VARINT), ...varint(value)]);

const fixed32 = (field: number, value: number): Buffer => {
  const out = Buffer.from([...tag(field, FIXED32), 0, 0, 0, 0]);
  out.writeUInt32LE(value, out.length - 4);
  return out;
};

/** Milliseconds with a fraction as nanoseconds, exact to the microsecond. */
const nanoseconds = (field: number, ms: number): Buffer => {
  const out = Buffer.from([...tag(field, FIXED64), 0, 0, 0, 0, 0, 0, 0, 0]);
  out.writeBigUInt64LE(BigInt(Math.round(ms * 1000)) * 1000n, out.length - 8);
  return out;
};
