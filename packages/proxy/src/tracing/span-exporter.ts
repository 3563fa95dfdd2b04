import { Backoff } from '@weft/base/backoff';
import type { Timer } from '@weft/base/clock';
import type { Span, SpanEncoding, SpanSource } from '@weft/telemetry/span';
import { otlpEncoding } from '@weft/telemetry/span-otlp';
import { zipkinEncoding } from '@weft/telemetry/span-zipkin';
import type { TracingProviderConfig } from '@weft/traffic/runtime-config';
import type { TracerStats } from '../stats/tracer-stats.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { CollectorRequest } from './collector-request.ts';

/** Spans that wait; a collector that takes them slower than they come loses the rest. About 2 MB. */
const QUEUE_SPANS = 2048;
/** Spans in one message. So many waiting are sent at once, fewer after a second. */
const BATCH_SPANS = 128;
const FLUSH_INTERVAL_MS = 1000;
/** A batch that the collector did not take is sent again so often. */
const ATTEMPTS = 4;
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 10_000;

/**
 * Sends spans to a collector: in batches, one at a time, off the path of requests. Bounded: what exceeds the queue is
 * counted and gone. Spans never make a request wait or fail.
 */
export class SpanExporter {
  readonly #upstreams: Upstreams;
  readonly #provider: TracingProviderConfig;
  readonly #source: SpanSource;
  readonly #encoding: SpanEncoding;
  readonly #stats: TracerStats;
  readonly #backoff: Backoff;
  #queue: Span[] = [];
  #timer: Timer | null = null;
  #sending = false;
  #onIdle: (() => void)[] = [];

  constructor(upstreams: Upstreams, provider: TracingProviderConfig, source: SpanSource, stats: TracerStats) {
    this.#upstreams = upstreams;
    this.#provider = provider;
    this.#source = source;
    this.#encoding = provider.kind === 'zipkin' ? zipkinEncoding : otlpEncoding;
    this.#stats = stats;
    this.#backoff = new Backoff(BACKOFF_BASE_MS, BACKOFF_MAX_MS, upstreams.context.random);
  }

  add(span: Span): void {
    if (this.#queue.length >= QUEUE_SPANS) {
      this.#stats.spans_dropped++;
      return;
    }
    this.#queue.push(span);
    if (this.#sending) return;
    if (this.#queue.length >= BATCH_SPANS) this.#send();
    else
      this.#timer ??= this.#upstreams.context.clock.setTimer(FLUSH_INTERVAL_MS, () => {
        this.#stats.timer_flushed++;
        this.#send();
      });
  }

  /** Sends what waits; resolves when it is out, or was given up. */
  flush(): Promise<void> {
    if (!this.#sending) this.#send();
    if (!this.#sending) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#queue.length === 0) {
      this.#sending = false;
      for (const resolve of this.#onIdle.splice(0)) resolve();
      return;
    }
    this.#sending = true;
    const spans = this.#queue.splice(0, BATCH_SPANS);
    this.#attempt(this.#encoding.encode(spans, this.#source), spans.length, 1);
  }

  #attempt(body: Buffer, spans: number, attempt: number): void {
    const { authority, path, timeoutMs, cluster: name } = this.#provider;
    const { context } = this.#upstreams;
    const cluster = context.clusters.get(name);
    const host = cluster?.pick(null) ?? null;
    if (cluster === null || host === null) {
      this.#stats.reports_skipped_no_cluster++;
      this.#again(body, spans, attempt, 0);
      return;
    }
    const message = { authority, path, timeoutMs, body, contentType: this.#encoding.contentType };
    new CollectorRequest(this.#upstreams, cluster, host, message, (status) => {
      if (status >= 200 && status < 300) {
        this.#stats.reports_sent++;
        this.#stats.spans_sent += spans;
        this.#backoff.reset();
        this.#send();
        return;
      }
      if (status === 0) this.#stats.reports_failed++;
      else this.#stats.reports_dropped++;
      this.#again(body, spans, attempt, status);
    });
  }

  /** What the collector refuses for good is not sent again. */
  #again(body: Buffer, spans: number, attempt: number, status: number): void {
    const hopeless = status !== 0 && status !== 429 && status < 500;
    if (hopeless || attempt >= ATTEMPTS) {
      this.#stats.spans_dropped += spans;
      this.#send();
      return;
    }
    this.#upstreams.context.clock.setTimer(this.#backoff.nextMs(), () => this.#attempt(body, spans, attempt + 1));
  }
}
