import type { SpanSource } from '@weft/telemetry/span';
import type { TracingConfig, TracingProviderConfig, TrafficDirection } from '@weft/traffic/runtime-config';
import type { ProxyContext } from '../context.ts';
import { type Upstreams, upstreamsOf } from '../upstream/upstreams.ts';
import { SpanExporter } from './span-exporter.ts';
import { Tracer } from './tracer.ts';

/** The exporters of a proxy, one for each collector: they and what waits in them outlive the configuration. */
export class Tracers {
  readonly #upstreams: Upstreams;
  readonly #exporters = new Map<string, SpanExporter>();

  constructor(upstreams: Upstreams) {
    this.#upstreams = upstreams;
  }

  tracer(config: TracingConfig, direction: TrafficDirection): Tracer {
    return new Tracer(this.#upstreams.context, config, direction, this.#exporter(config.provider));
  }

  /** Sends what waits, when the proxy ends. */
  async flush(): Promise<void> {
    await Promise.all([...this.#exporters.values()].map((exporter) => exporter.flush()));
  }

  #exporter(provider: TracingProviderConfig): SpanExporter {
    const key = JSON.stringify(provider);
    let exporter = this.#exporters.get(key);
    if (exporter === undefined) {
      const { context } = this.#upstreams;
      const stats = context.stats.tracer(provider.kind);
      exporter = new SpanExporter(this.#upstreams, provider, sourceOf(context, provider), stats);
      this.#exporters.set(key, exporter);
    }
    return exporter;
  }
}

const sourceOf = ({ local }: ProxyContext, { serviceName }: TracingProviderConfig): SpanSource => {
  const { canonicalName, canonicalRevision, namespace, workload, cluster } = local.labels;
  return {
    serviceName: serviceName || `${canonicalName}.${namespace}`,
    // `sidecar~IP~…`
    address: local.nodeId.split('~')[1] ?? '',
    attributes: {
      'service.namespace': namespace,
      'service.version': canonicalRevision,
      'k8s.cluster.name': cluster,
      'k8s.namespace.name': namespace,
      'k8s.deployment.name': workload,
    },
  };
};

const byContext = new WeakMap<ProxyContext, Tracers>();

/** One for each proxy, shared by its listeners. */
export const tracersOf = (context: ProxyContext): Tracers => {
  let tracers = byContext.get(context);
  if (tracers === undefined) {
    tracers = new Tracers(upstreamsOf(context));
    byContext.set(context, tracers);
  }
  return tracers;
};
