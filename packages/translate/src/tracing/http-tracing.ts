import type { Mesh, Pod } from '@weft/model/mesh';
import type { TracingSettings } from '@weft/model/mesh-config';
import { protoDuration } from '@weft/base/duration';
import type { OpenTelemetryConfig, Tracing_Http, ZipkinConfig } from '@weft/xds-api/gen/envoy/config/trace/v3';
import type { HttpConnectionManager_Tracing } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { CustomTag } from '@weft/xds-api/gen/envoy/type/tracing/v3';
import { extension } from '../typed.ts';
import { CLUSTER_ID } from '../names.ts';
import { collectorName } from './collector.ts';

/**
 * How requests are traced, as Istio sets Envoy up: one span for each sidecar that a request goes through (kind CLIENT
 * outbound, SERVER inbound), with Istio's tags. An empty object where the mesh has no tracing.
 * https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/
 */
export const tracingOf = (mesh: Mesh, pod: Pod): { tracing?: HttpConnectionManager_Tracing } => {
  const { tracing } = mesh.meshConfig;
  if (tracing === null) return {};
  return {
    tracing: {
      provider: providerOf(tracing, collectorName(mesh, pod, tracing.provider), serviceName(pod)),
      clientSampling: { value: 100 },
      randomSampling: { value: tracing.samplingPercent },
      overallSampling: { value: 100 },
      maxPathTagLength: tracing.maxPathTagLength,
      customTags: istioTags(pod),
    },
  };
};

const providerOf = ({ provider }: TracingSettings, cluster: string, service: string): Tracing_Http =>
  provider.kind === 'zipkin'
    ? extension('envoy.tracers.zipkin', 'envoy.config.trace.v3.ZipkinConfig', {
        collectorCluster: cluster,
        collectorEndpoint: provider.path,
        collectorHostname: `${provider.host}:${provider.port}`,
        collectorEndpointVersion: 'HTTP_JSON',
        traceId128bit: true,
        sharedSpanContext: false,
      } satisfies ZipkinConfig)
    : extension('envoy.tracers.opentelemetry', 'envoy.config.trace.v3.OpenTelemetryConfig', {
        serviceName: service,
        httpService: {
          httpUri: {
            uri: `http://${provider.host}:${provider.port}${provider.path}`,
            cluster,
            timeout: protoDuration(provider.timeoutMs),
          },
        },
      } satisfies OpenTelemetryConfig);

/** Istio's labels of a workload, https://istio.io/latest/docs/reference/config/labels/ */
const canonicalName = ({ labels, workload }: Pod): string =>
  labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels.app ?? workload;
const canonicalRevision = ({ labels }: Pod): string =>
  labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels.version ?? 'latest';

/** What traces call the workload: `reviews.default`, as Istio's APP_LABEL_AND_NAMESPACE. */
const serviceName = (pod: Pod): string => `${canonicalName(pod)}.${pod.namespace}`;

const istioTags = (pod: Pod): CustomTag[] =>
  Object.entries({
    'istio.canonical_revision': canonicalRevision(pod),
    'istio.canonical_service': canonicalName(pod),
    'istio.cluster_id': CLUSTER_ID,
    'istio.mesh_id': 'cluster.local',
    'istio.namespace': pod.namespace,
  }).map(([tag, value]) => ({ tag, literal: { value } }));
