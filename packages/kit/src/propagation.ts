import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Headers that a service must hand on from the request it serves to the requests it makes for it, or traces break at the
 * first hop. First Istio's list (https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/) with
 * W3C's trace context, then those of other tracers that Istio names.
 */
export const propagatedHeaders: readonly string[] = [
  'x-request-id',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'x-ot-span-context',
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'traceparent',
  'tracestate',
  'baggage',
  'x-cloud-trace-context',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-sampling-priority',
  'grpc-trace-bin',
  'sw8',
];

/** Header names in lower case, to what is handed on of the request that is being served. */
export type Propagated = ReadonlyMap<string, string>;

const current = new AsyncLocalStorage<Propagated>();
const NOTHING: Propagated = new Map();

/** What of a request's headers is handed on. `also` names headers of your own, such as those that routes look at. */
export const propagatedFrom = (headers: IncomingHttpHeaders, also: readonly string[] = []): Propagated => {
  const kept = new Map<string, string>();
  for (const name of also.length === 0 ? propagatedHeaders : [...propagatedHeaders, ...also]) {
    const value = headers[name.toLowerCase()];
    if (value !== undefined) kept.set(name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value);
  }
  return kept;
};

/** Runs `fn`, and everything asynchronous that it starts, as part of serving a request with these headers. */
export const withPropagation = <T>(
  request: { readonly headers: IncomingHttpHeaders },
  fn: () => T,
  also: readonly string[] = [],
): T => current.run(propagatedFrom(request.headers, also), fn);

/** What is handed on here and now; empty where no request is being served. */
export const propagatedNow = (): Propagated => current.getStore() ?? NOTHING;

/** Headers for a request made now: those to hand on, then your own, which win. */
export const outgoingHeaders = (own: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const headers: Record<string, string> = Object.fromEntries(propagatedNow());
  for (const [name, value] of Object.entries(own)) headers[name.toLowerCase()] = value;
  return headers;
};

/**
 * Makes listeners of the emitter run as part of the request that is being served. Node emits the events of a request's
 * body in the connection's context: without this a call made when the body has ended would go without its headers.
 */
export const bindEvents = (emitter: EventEmitter): void => {
  const propagated = current.getStore();
  if (!propagated) return;
  const emit = emitter.emit.bind(emitter) as (...args: unknown[]) => boolean;
  emitter.emit = (...args: unknown[]) => current.run(propagated, emit, ...args);
};
