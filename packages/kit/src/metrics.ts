import type { ServerResponse } from 'node:http';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

export interface MetricsOptions {
  /** Default: one of its own. */
  readonly registry?: Registry;
  /** Upper bounds in seconds. Default 5 ms to 10 s, which are Prometheus's own. */
  readonly buckets?: readonly number[];
  /** Memory, event loop and garbage collection of the process too. Default true. */
  readonly processMetrics?: boolean;
}

/** The methods of RFC 9110 and PATCH; any other is counted as `OTHER`, so that no caller can make up series. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

const LABELS = ['method', 'route', 'status'] as const;

/**
 * Count and latency of requests by method, route and status, in the text format of Prometheus. A route is a pattern
 * (`/books/:id`), never a path: each value is a series that is kept.
 */
export class Metrics {
  readonly registry: Registry;
  readonly #requests: Counter<(typeof LABELS)[number]>;
  readonly #seconds: Histogram<(typeof LABELS)[number]>;

  constructor(options: MetricsOptions = {}) {
    this.registry = options.registry ?? new Registry();
    const registers = [this.registry];
    if (options.processMetrics ?? true) collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: 'http_requests_total',
      help: 'Requests served, by method, route and status; status 0: the caller left before the answer was whole.',
      labelNames: LABELS,
      registers,
    });
    this.#seconds = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'From the request’s headers to the end of its answer.',
      labelNames: LABELS,
      registers,
      ...(options.buckets && { buckets: [...options.buckets] }),
    });
  }

  observe(method: string, route: string, status: number, seconds: number): void {
    const labels = { method: METHODS.has(method) ? method : 'OTHER', route, status: String(status) };
    this.#requests.inc(labels);
    this.#seconds.observe(labels, seconds);
  }

  /** Answers `/metrics`. */
  async answer(response: ServerResponse): Promise<void> {
    try {
      const text = await this.registry.metrics();
      response.writeHead(200, { 'content-type': this.registry.contentType }).end(text);
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`${(error as Error).message}\n`);
    }
  }
}
