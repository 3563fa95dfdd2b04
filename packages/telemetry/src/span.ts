/** One span, ended: what a request did at one sidecar. */
export interface Span {
  /** 32 and 16 hexadecimal digits; the parent's are empty where the trace begins. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'CLIENT' | 'SERVER';
  /** Since the epoch; with a fraction. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Names and values in turn. */
  readonly tags: readonly string[];
  readonly error: boolean;
}

/** Who made the spans of a batch. */
export interface SpanSource {
  /** `reviews.default` */
  readonly serviceName: string;
  readonly address: string;
  /** Further attributes of the source, for OTLP. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A batch as bytes for a collector. */
export interface SpanEncoding {
  readonly contentType: string;
  encode(spans: readonly Span[], source: SpanSource): Buffer;
}
