import type { Random } from '@weft/base/random';

/** Where a request stands in a trace. Ids are lower-case hexadecimal. */
export interface TraceContext {
  /** 32 digits, not all zero. */
  readonly traceId: string;
  /** Of the span that the sender was in: 16 digits, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);

/**
 * `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/#traceparent-header). Version 00 must end
 * after the flags, later ones may go on; `ff` is no version. Null if it is malformed: the trace then starts anew.
 */
export const parseTraceparent = (header: string): TraceContext | null => {
  const m = TRACEPARENT.exec(header);
  if (!m || m[1] === 'ff' || (m[1] === '00' && m[5] !== undefined)) return null;
  return context(m[2] as string, m[3] as string, (Number.parseInt(m[4] as string, 16) & 1) === 1);
};

export const formatTraceparent = (c: TraceContext): string => `00-${c.traceId}-${c.spanId}-${c.sampled ? '01' : '00'}`;

const B3 = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;

/**
 * The single `b3` header (https://github.com/openzipkin/b3-propagation#single-header). A trace id of 64 bits is filled
 * up with zeros on the left. Null if malformed, or a bare sampling decision (`0`, `1`, `d`), which names no trace.
 * Without a decision it is not sampled.
 */
export const parseB3 = (header: string): TraceContext | null => {
  const m = B3.exec(header);
  return m && context((m[1] as string).padStart(32, '0'), m[2] as string, m[3] === '1' || m[3] === 'd');
};

/** B3's older form: `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled`, `x-b3-flags` (1: debug). */
export const parseB3Multi = (traceId: string, spanId: string, sampled = '', flags = ''): TraceContext | null => {
  const decision = flags === '1' ? 'd' : sampled === '1' || sampled === 'true' ? '1' : '0';
  return parseB3(`${traceId}-${spanId}-${decision}`);
};

/** A new trace; `random` need not be secret. */
export const startTrace = (random: Random, sampled: boolean): TraceContext => ({
  traceId: hexId(random, 32),
  spanId: hexId(random, 16),
  sampled,
});

/** A new span in the same trace. */
export const childOf = (parent: TraceContext, random: Random): TraceContext => ({
  traceId: parent.traceId,
  spanId: hexId(random, 16),
  sampled: parent.sampled,
});

const context = (traceId: string, spanId: string, sampled: boolean): TraceContext | null =>
  traceId === ZERO_TRACE || spanId === ZERO_SPAN ? null : { traceId, spanId, sampled };

/** `digits` is a multiple of eight. The last word is never zero, so that the id is not. */
const hexId = (random: Random, digits: number): string => {
  let text = '';
  for (let i = 8; i < digits; i += 8) text += word(random() * 0x1_0000_0000);
  return text + word(1 + random() * 0xffff_ffff);
};

const word = (value: number): string => Math.floor(value).toString(16).padStart(8, '0');
