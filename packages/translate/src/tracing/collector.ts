import type { Mesh, Pod, Service } from '@weft/model/mesh';
import type { TracingProvider } from '@weft/model/mesh-config';
import { seesService } from '@weft/model/sidecar-scope';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import { remember } from '../memo.ts';
import { outboundCluster } from '../names.ts';

/** The cluster of a collector that is no service of the mesh. */
const TRACING_COLLECTOR = 'tracing_collector';

/** The cluster that spans go to: the service's own where the collector is one that the namespace sees. */
export const collectorName = (mesh: Mesh, pod: Pod, provider: TracingProvider): string => {
  const service = collectorService(mesh, pod, provider);
  return service ? outboundCluster(provider.port, '', service.host) : TRACING_COLLECTOR;
};

/** What a listener's tracing and access logs are made of, for its memory. */
export const tracingDeps = (mesh: Mesh, pod: Pod): unknown[] => {
  const { tracing } = mesh.meshConfig;
  return [mesh.meshConfig, tracing === null ? '' : collectorName(mesh, pod, tracing.provider)];
};

/** None where spans are not sent, or go to a service. */
export const collectorClusters = (mesh: Mesh, pod: Pod): Cluster[] => {
  const { tracing } = mesh.meshConfig;
  if (tracing === null || collectorService(mesh, pod, tracing.provider)) return [];
  const { host, port } = tracing.provider;
  return [
    remember(mesh.meshConfig, 'collector', [], () => ({
      name: TRACING_COLLECTOR,
      type: isAddress(host) ? 'STATIC' : 'STRICT_DNS',
      connectTimeout: '5s',
      loadAssignment: {
        clusterName: TRACING_COLLECTOR,
        endpoints: [
          { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: host, portValue: port } } } }] },
        ],
      },
    })),
  ];
};

/** `zipkin.istio-system` is `zipkin.istio-system.svc.cluster.local`. */
const collectorService = (mesh: Mesh, pod: Pod, { host, port }: TracingProvider): Service | undefined => {
  const service = [host, `${host}.${mesh.domainSuffix}`, `${host}.svc.${mesh.domainSuffix}`]
    .map((name) => mesh.services.get(name))
    .find((s) => s?.ports.some((p) => p.port === port));
  return service && seesService(mesh, pod, service) ? service : undefined;
};

const isAddress = (host: string): boolean => /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
