import type { Mesh, Pod, Service, ServicePort } from '@weft/model/mesh';
import { podsOfService } from '@weft/model/pods-of-service';
import { type Labels, labelsMatch } from '@weft/model/selector';
import type { ClusterLoadAssignment, LbEndpoint } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import { remember } from '../memo.ts';
import { CLUSTER_ID } from '../names.ts';
import { targetPortOf } from '../service-port.ts';
import { isTunnelled } from '../tunnelled.ts';

/**
 * Where a cluster's requests can go now: pods that are ready and not ending, by locality. A cluster without any gets an
 * empty assignment, or a proxy would wait for one.
 */
export const endpointsOf = (
  mesh: Mesh,
  service: Service,
  port: ServicePort,
  clusterName: string,
  subset: Labels,
): ClusterLoadAssignment => {
  const pods = podsOfService(mesh, service)
    .filter((pod) => pod.ready && !pod.terminating && pod.ip !== '' && labelsMatch(subset, pod.labels))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return remember(service, `endpoints ${clusterName} ${JSON.stringify(subset)}`, pods, () => ({
    clusterName,
    endpoints: byLocality(pods).map(({ region, zone, pods: there }) => {
      const lbEndpoints = there.flatMap((pod) => endpoint(pod, port));
      return { locality: { region, zone }, lbEndpoints, loadBalancingWeight: Math.max(1, lbEndpoints.length) };
    }),
  }));
};

const byLocality = (pods: readonly Pod[]): { region: string; zone: string; pods: Pod[] }[] => {
  const groups = new Map<string, { region: string; zone: string; pods: Pod[] }>();
  for (const pod of pods) {
    const { region, zone } = pod.locality;
    const group = groups.get(`${region}/${zone}`);
    if (group) group.pods.push(pod);
    else groups.set(`${region}/${zone}`, { region, zone, pods: [pod] });
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
};

const endpoint = (pod: Pod, port: ServicePort): LbEndpoint[] => {
  const portValue = targetPortOf(port, pod);
  if (portValue === undefined) return [];
  return [
    {
      endpoint: { address: { socketAddress: { address: pod.ip, portValue } } },
      healthStatus: 'HEALTHY',
      loadBalancingWeight: 1,
      metadata: {
        filterMetadata: {
          ...(hasSidecar(pod) && {
            'envoy.transport_socket_match': { tlsMode: 'istio', ...(isTunnelled(pod) && { tunnel: 'http' }) },
          }),
          istio: { workload: workloadName(pod) },
        },
      },
    },
  ];
};

const hasSidecar = (pod: Pod): boolean => {
  const key = 'sidecar.istio.io/inject';
  return (pod.labels[key] ?? pod.annotations[key]) !== 'false';
};

/** `name;namespace;canonical name;canonical revision;cluster`, from which Istio's metrics take the destination's labels. */
const workloadName = (pod: Pod): string => {
  const { labels } = pod;
  const canonicalName =
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels.app ?? pod.workload;
  const revision =
    labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels.version ?? 'latest';
  return [pod.workload, pod.namespace, canonicalName, revision, CLUSTER_ID].join(';');
};
