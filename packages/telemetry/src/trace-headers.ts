import { formatTraceparent, parseB3, parseB3Multi, parseTraceparent } from './trace-context.ts';

/** The span of one request at one hop. */
export interface HopSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: the trace begins here. */
  readonly parentSpanId: string;
  readonly sampled: boolean;
}

export interface HopOptions {
  /** Whose word counts where a request carries both contexts and they differ. */
  readonly prefer: 'w3c' | 'b3';
  /** Decides for a trace that nobody has decided on yet. */
  readonly sample: () => boolean;
  readonly newTraceId: () => string;
  readonly newSpanId: () => string;
}

/**
 * Puts this hop into the trace of a request: a new span, whose parent is the span that the caller was in. `headers`
 * (names in lower case and values in turn) then say the new span, in the formats they came in; a new trace is said in
 * W3C and B3's headers both. Where a trace is not sampled nothing is recorded, so its headers stay as they are.
 * https://www.w3.org/TR/trace-context/ https://github.com/openzipkin/b3-propagation
 */
export const continueTrace = (headers: string[], options: HopOptions): HopSpan => {
  const found = findHeaders(headers);
  const w3c = value(headers, found.traceparent);
  const single = value(headers, found.b3);
  const multi = value(headers, found.b3TraceId);
  const fromW3c = w3c === '' ? null : parseTraceparent(w3c);
  const fromB3 =
    (single === '' ? null : parseB3(single)) ??
    (multi === ''
      ? null
      : parseB3Multi(
          multi,
          value(headers, found.b3SpanId),
          value(headers, found.b3Sampled),
          value(headers, found.b3Flags),
        ));
  const parent = options.prefer === 'b3' ? (fromB3 ?? fromW3c) : (fromW3c ?? fromB3);
  const decided = parent === null || parent === fromB3 ? b3Decision(headers, found) : parent.sampled;
  const sampled = decided ?? options.sample();
  if (parent === null) {
    const span = { traceId: options.newTraceId(), spanId: options.newSpanId(), parentSpanId: '', sampled };
    removeAll(headers, found);
    inject(headers, span, bothFormats);
    return span;
  }
  if (!sampled) return { traceId: parent.traceId, spanId: parent.spanId, parentSpanId: '', sampled };
  const { traceId, spanId: parentSpanId } = parent;
  const span = { traceId, spanId: options.newSpanId(), parentSpanId, sampled };
  const formats = {
    w3c: fromW3c !== null,
    single: single !== '',
    multi: multi !== '',
  };
  removeAll(headers, found);
  inject(headers, span, formats);
  return span;
};

interface Formats {
  readonly w3c: boolean;
  readonly single: boolean;
  readonly multi: boolean;
}

const bothFormats: Formats = { w3c: true, single: false, multi: true };

const inject = (headers: string[], { traceId, spanId, parentSpanId, sampled }: HopSpan, formats: Formats): void => {
  const decision = sampled ? '1' : '0';
  if (formats.w3c) headers.push('traceparent', formatTraceparent({ traceId, spanId, sampled }));
  if (formats.single)
    headers.push('b3', `${traceId}-${spanId}-${decision}${parentSpanId === '' ? '' : `-${parentSpanId}`}`);
  if (formats.multi) {
    headers.push('x-b3-traceid', traceId, 'x-b3-spanid', spanId, 'x-b3-sampled', decision);
    if (parentSpanId !== '') headers.push('x-b3-parentspanid', parentSpanId);
  }
};

/** Indices of names in the header list; -1 where there is none. `tracestate` stays as it is. */
interface FoundHeaders {
  traceparent: number;
  b3: number;
  b3TraceId: number;
  b3SpanId: number;
  b3ParentSpanId: number;
  b3Sampled: number;
  b3Flags: number;
}

const findHeaders = (headers: readonly string[]): FoundHeaders => {
  const found: FoundHeaders = {
    traceparent: -1,
    b3: -1,
    b3TraceId: -1,
    b3SpanId: -1,
    b3ParentSpanId: -1,
    b3Sampled: -1,
    b3Flags: -1,
  };
  for (let i = 0; i < headers.length; i += 2) {
    switch (headers[i]) {
      case 'traceparent':
        found.traceparent = i;
        break;
      case 'b3':
        found.b3 = i;
        break;
      case 'x-b3-traceid':
        found.b3TraceId = i;
        break;
      case 'x-b3-spanid':
        found.b3SpanId = i;
        break;
      case 'x-b3-parentspanid':
        found.b3ParentSpanId = i;
        break;
      case 'x-b3-sampled':
        found.b3Sampled = i;
        break;
      case 'x-b3-flags':
        found.b3Flags = i;
        break;
      default:
    }
  }
  return found;
};

const value = (headers: readonly string[], at: number): string => (at === -1 ? '' : (headers[at + 1] as string));

/** Null: left to who comes next. B3 may carry a decision without a trace. */
const b3Decision = (headers: readonly string[], found: FoundHeaders): boolean | null => {
  const single = value(headers, found.b3);
  if (single !== '') {
    const decision = single.length === 1 ? single : single.split('-')[2];
    return decision === undefined ? null : decision === '1' || decision === 'd';
  }
  if (value(headers, found.b3Flags) === '1') return true;
  const sampled = value(headers, found.b3Sampled);
  return sampled === '' ? null : sampled === '1' || sampled === 'true';
};

/** Takes the context's headers out, in place. */
const removeAll = (headers: string[], found: FoundHeaders): void => {
  const out = Object.values(found) as number[];
  if (out.every((at) => at === -1)) return;
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (out.includes(i)) continue;
    headers[kept] = headers[i] as string;
    headers[kept + 1] = headers[i + 1] as string;
    kept += 2;
  }
  headers.length = kept;
};
