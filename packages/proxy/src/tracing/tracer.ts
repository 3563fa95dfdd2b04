import { continueTrace, type HopSpan } from '@weft/telemetry/trace-headers';
import type { TracingConfig, TrafficDirection } from '@weft/traffic/runtime-config';
import type { ProxyContext } from '../context.ts';
import { newSpanId, newTraceId } from '../headers/random-ids.ts';
import type { Exchange } from '../router/exchange.ts';
import type { TracingStats } from '../stats/http-stats.ts';
import type { SpanExporter } from './span-exporter.ts';

/** How the spans of one connection manager are made; null there where requests are not traced. */
export class Tracer {
  readonly #context: ProxyContext;
  readonly #config: TracingConfig;
  readonly #kind: 'CLIENT' | 'SERVER';
  readonly #exporter: SpanExporter;
  readonly #sample: () => boolean;

  constructor(context: ProxyContext, config: TracingConfig, direction: TrafficDirection, exporter: SpanExporter) {
    this.#context = context;
    this.#config = config;
    this.#kind = direction === 'inbound' ? 'SERVER' : 'CLIENT';
    this.#exporter = exporter;
    const share = config.samplingPercent / 100;
    this.#sample = () => context.random() < share;
  }

  /**
   * Puts the request into its trace, new or continued; its headers say so from now on. A CONNECT is no request of the
   * trace: those inside the tunnel are.
   */
  begin(x: Exchange, stats: TracingStats): HopSpan | null {
    if (x.method === 'CONNECT') return null;
    const span = continueTrace(x.headers, {
      prefer: this.#config.provider.kind === 'zipkin' ? 'b3' : 'w3c',
      sample: this.#sample,
      newTraceId,
      newSpanId,
    });
    if (span.sampled) stats.random_sampling++;
    else stats.not_traceable++;
    return span;
  }

  /** Only for sampled spans. */
  end(x: Exchange, span: HopSpan, durationMs: number, flags: string): void {
    const operation = x.route === null ? '' : x.route.operation;
    const { status } = x;
    this.#exporter.add({
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      name: operation || (this.#kind === 'CLIENT' ? `egress ${x.authority}` : 'ingress'),
      kind: this.#kind,
      startMs: this.#context.clock.now() - durationMs,
      durationMs,
      tags: this.#tags(x, flags),
      error: status === 0 || status >= 500,
    });
  }

  /** Envoy's, in its order: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing */
  #tags(x: Exchange, flags: string): string[] {
    const { cluster, connection, grpcStatus } = x;
    const path = x.originalPath || x.path;
    const upstream = cluster === null ? '-' : cluster.name;
    const tags = [
      'component',
      'proxy',
      'node_id',
      this.#context.local.nodeId,
      'guid:x-request-id',
      x.requestId,
      'http.url',
      `${x.scheme}://${x.authority}${path.slice(0, this.#config.maxPathTagLength)}`,
      'http.method',
      x.method,
      'downstream_cluster',
      '-',
      'user_agent',
      x.userAgent || '-',
      'http.protocol',
      x.downstream.protocol,
      'peer.address',
      connection.sourceAddress,
      'request_size',
      `${x.requestBytes}`,
      'response_size',
      `${x.responseBytes}`,
      'http.status_code',
      `${x.status}`,
      'response_flags',
      flags,
      'upstream_cluster',
      upstream,
      'upstream_cluster.name',
      upstream,
    ];
    if (x.upstreamHost !== null) tags.push('upstream_address', `${x.upstreamHost.address}:${x.upstreamHost.port}`);
    if (x.grpc) tags.push('grpc.path', path, 'grpc.authority', x.authority, 'grpc.status_code', grpcStatus || '-');
    for (const { tag, header, value } of this.#config.customTags) {
      const text = header === '' ? value : (headerOf(x.headers, header) ?? value);
      if (text !== '') tags.push(tag, text);
    }
    return tags;
  }
}

const headerOf = (headers: readonly string[], name: string): string | undefined => {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
};
