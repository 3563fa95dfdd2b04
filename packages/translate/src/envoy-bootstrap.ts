import type { Mesh } from '@weft/model/mesh';
import { proxyPorts } from '@weft/model/proxy-ports';
import type { Bootstrap } from '@weft/xds-api/gen/envoy/config/bootstrap/v3';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { RouteConfiguration } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { CommonTlsContext } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import { nodeId } from './names.ts';
import type { ProxyNode } from './proxy-node.ts';
import { SYSTEM_ROOTS } from './tls.ts';
import type { ResourceSet } from './translate.ts';

/**
 * A proxy's configuration as one file for Envoy, which then needs no control plane: routes and endpoints inlined,
 * certificates from `cert-chain.pem`, `key.pem` and `root-cert.pem` in a directory.
 */
export const envoyBootstrap = (mesh: Mesh, node: ProxyNode, resources: ResourceSet, certsDir: string): Bootstrap => {
  const { pod, bindAddress } = node;
  const routes = new Map(resources.routes.map((table) => [table.name, table]));
  const endpoints = new Map(resources.endpoints.map((assignment) => [assignment.clusterName, assignment]));
  const inline = (value: unknown): unknown => rewrite(value, routes, certsDir);
  return {
    node: {
      id: nodeId(mesh, pod),
      cluster: `${pod.workload}.${pod.namespace}`,
      locality: { region: pod.locality.region, zone: pod.locality.zone },
    },
    admin: { address: { socketAddress: { address: bindAddress, portValue: proxyPorts.admin } } },
    staticResources: {
      listeners: resources.listeners.map((listener) => inline(listener) as typeof listener),
      clusters: resources.clusters.map((cluster) => inline(withEndpoints(cluster, endpoints)) as Cluster),
    },
  };
};

const withEndpoints = (
  cluster: Cluster,
  endpoints: ReadonlyMap<string | undefined, ClusterLoadAssignment>,
): Cluster => {
  if (cluster.type !== 'EDS') return cluster;
  const { edsClusterConfig, ...rest } = cluster;
  const loadAssignment = endpoints.get(edsClusterConfig?.serviceName) ?? { clusterName: cluster.name };
  return { ...rest, type: 'STATIC', loadAssignment };
};

/** A deep copy in which nothing is left to be asked for: neither routes (RDS) nor secrets (SDS). */
const rewrite = (
  value: unknown,
  routes: ReadonlyMap<string | undefined, RouteConfiguration>,
  certsDir: string,
): unknown => {
  if (Array.isArray(value)) return value.map((item: unknown) => rewrite(item, routes, certsDir));
  if (value === null || typeof value !== 'object') return value;
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (key === 'rds') copy.routeConfig = routes.get((field as { routeConfigName?: string }).routeConfigName);
    else if (key === 'commonTlsContext') copy[key] = withFiles(field as CommonTlsContext, certsDir);
    else copy[key] = rewrite(field, routes, certsDir);
  }
  return copy;
};

/** Where most distributions keep the system's roots. */
const SYSTEM_ROOTS_FILE = '/etc/ssl/certs/ca-certificates.crt';

/** Secrets become files of the folder; what has its own files keeps them. */
const withFiles = (context: CommonTlsContext, certsDir: string): CommonTlsContext => {
  const { tlsCertificateSdsSecretConfigs: certificate, combinedValidationContext: combined, ...rest } = context;
  const file = (name: string): { filename: string } => ({ filename: `${certsDir.replace(/\/+$/, '')}/${name}` });
  const system = combined?.validationContextSdsSecretConfig?.name === SYSTEM_ROOTS;
  return {
    ...rest,
    ...(certificate && {
      tlsCertificates: [{ certificateChain: file('cert-chain.pem'), privateKey: file('key.pem') }],
    }),
    ...(combined && {
      validationContext: {
        ...combined.defaultValidationContext,
        trustedCa: system ? { filename: SYSTEM_ROOTS_FILE } : file('root-cert.pem'),
      },
    }),
  };
};
