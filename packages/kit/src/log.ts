import { type DestinationStream, type Logger, pino } from 'pino';
import { propagatedNow } from './propagation.ts';

export interface LogOptions {
  /** In each line as `service`. Default: none. */
  readonly service?: string;
  /** Default: `LOG_LEVEL`, else `info`. */
  readonly level?: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
  /** Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The trace that the request being served belongs to: W3C's, else B3's. */
export const traceOf = (headers: ReadonlyMap<string, string>): { traceId?: string; spanId?: string } => {
  const w3c = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(headers.get('traceparent') ?? '');
  if (w3c) return { traceId: w3c[1], spanId: w3c[2] };
  // https://github.com/openzipkin/b3-propagation#single-header
  const b3 = /^([0-9a-f]{16,32})-([0-9a-f]{16})/i.exec(headers.get('b3') ?? '');
  if (b3) return { traceId: b3[1], spanId: b3[2] };
  const traceId = headers.get('x-b3-traceid');
  const spanId = headers.get('x-b3-spanid');
  return { ...(traceId && { traceId }), ...(spanId && { spanId }) };
};

/** What a line says of the request that is being served. */
const fields = (): Record<string, string> => {
  const headers = propagatedNow();
  if (headers.size === 0) return {};
  const { traceId, spanId } = traceOf(headers);
  const requestId = headers.get('x-request-id');
  return {
    ...(traceId && { trace_id: traceId }),
    ...(spanId && { span_id: spanId }),
    ...(requestId && { request_id: requestId }),
  };
};

/**
 * A pino logger, one JSON object a line: `level` as a word, `time` in ISO 8601, `service`, `msg`, what you add, and
 * `trace_id`, `span_id` and `request_id` of the request that is being served.
 */
export const createLog = (options: LogOptions = {}): Logger =>
  pino(
    {
      level: options.level ?? (options.env ?? process.env).LOG_LEVEL ?? 'info',
      base: options.service === undefined ? {} : { service: options.service },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: fields,
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
