import type { Span, SpanEncoding, SpanSource } from './span.ts';

/** Zipkin's API version 2, https://zipkin.io/zipkin-api/#/default/post_spans, as Envoy's Zipkin tracer writes it. */
export const zipkinEncoding: SpanEncoding = {
  contentType: 'application/json',
  encode: (spans, source) => Buffer.from(JSON.stringify(spans.map((span) => asZipkin(span, source)))),
};

const asZipkin = (span: Span, { serviceName, address }: SpanSource): object => ({
  traceId: span.traceId,
  id: span.spanId,
  ...(span.parentSpanId !== '' && { parentId: span.parentSpanId }),
  name: span.name,
  kind: span.kind,
  timestamp: Math.round(span.startMs * 1000),
  // 0 is no duration to Zipkin.
  duration: Math.max(1, Math.round(span.durationMs * 1000)),
  localEndpoint: { serviceName, [address.includes(':') ? 'ipv6' : 'ipv4']: address },
  tags: tagsOf(span),
});

const tagsOf = ({ tags, error }: Span): Record<string, string> => {
  const all: Record<string, string> = {};
  for (let i = 0; i < tags.length; i += 2) all[tags[i] as string] = tags[i + 1] as string;
  if (error) all.error = 'true';
  return all;
};
