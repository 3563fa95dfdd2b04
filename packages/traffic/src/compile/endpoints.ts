import type { Address } from '@weft/xds-api/gen/envoy/config/core/v3';
import type {
  ClusterLoadAssignment,
  LbEndpoint,
  LocalityLbEndpoints,
} from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { EndpointConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required } from './fields.ts';

export const endpoints = (json: ClusterLoadAssignment, path: string): EndpointConfig[] => {
  onlyKnown(json, path, ['clusterName', 'endpoints'], ['policy']);
  if (json.policy) {
    onlyKnown(json.policy, at(path, 'policy'), [], ['overprovisioningFactor', 'weightedPriorityHealth']);
  }
  return (json.endpoints ?? []).flatMap((group, i) => {
    const here = at(at(path, 'endpoints'), i);
    // Weights and proximity of localities matter to locality-aware balancing only, which no cluster may ask for yet.
    onlyKnown(group, here, ['locality', 'lbEndpoints'], ['metadata', 'loadBalancingWeight', 'proximity']);
    return (group.lbEndpoints ?? []).map((endpoint, e) =>
      compileEndpoint(endpoint, group, at(at(here, 'lbEndpoints'), e)),
    );
  });
};

const compileEndpoint = (json: LbEndpoint, group: LocalityLbEndpoints, path: string): EndpointConfig => {
  onlyKnown(json, path, ['endpoint', 'healthStatus', 'metadata', 'loadBalancingWeight']);
  const endpoint = required(json.endpoint, at(path, 'endpoint'));
  onlyKnown(endpoint, at(path, 'endpoint'), ['address'], ['hostname', 'healthCheckConfig', 'observabilityName']);
  const where = required(endpoint.address, at(path, 'endpoint.address'));
  const internalListener = internalListenerOf(where, at(path, 'endpoint.address'));
  const { address, port } =
    internalListener === null
      ? socketAddress(where, at(path, 'endpoint.address'))
      : { address: internalListener, port: 0 };
  const metadata = json.metadata?.filterMetadata ?? {};
  const workload = metadata.istio?.workload;
  return {
    address,
    port,
    weight: json.loadBalancingWeight ?? 1,
    healthy: isHealthy[json.healthStatus ?? 'UNKNOWN'] ?? false,
    region: group.locality?.region ?? '',
    zone: group.locality?.zone ?? '',
    workload: typeof workload === 'string' ? workload : '',
    transportSocketLabels: labelsOf(metadata['envoy.transport_socket_match']),
    ...(internalListener !== null && { internalListener }),
  };
};

/** Null: an address. */
const internalListenerOf = (json: Address, path: string): string | null => {
  const internal = json.envoyInternalAddress;
  if (!internal) return null;
  const here = at(path, 'envoyInternalAddress');
  onlyKnown(internal, here, ['serverListenerName'], ['endpointId']);
  return required(internal.serverListenerName, at(here, 'serverListenerName'));
};

const isHealthy: Readonly<Record<string, boolean>> = { UNKNOWN: true, HEALTHY: true, DEGRADED: true };

/** One object for each set of labels there is: thousands of endpoints have the same. */
const sharedLabels = new Map<string, Readonly<Record<string, string>>>();

export const labelsOf = (json: { readonly [key: string]: unknown } | undefined): Readonly<Record<string, string>> => {
  const entries = Object.entries(json ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const key = JSON.stringify(entries);
  let labels = sharedLabels.get(key);
  if (!labels) {
    labels = Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
    if (sharedLabels.size < 1000) sharedLabels.set(key, labels);
  }
  return labels;
};

export const socketAddress = (json: Address, path: string): { readonly address: string; readonly port: number } => {
  onlyKnown(json, path, ['socketAddress']);
  const socket = required(json.socketAddress, at(path, 'socketAddress'));
  const here = at(path, 'socketAddress');
  onlyKnown(socket, here, ['address', 'portValue', 'protocol'], ['ipv4Compat']);
  if (socket.protocol === 'UDP') fail(at(here, 'protocol'), 'UDP is not supported');
  const port = socket.portValue ?? 0;
  if (port < 0 || port > 65535) fail(at(here, 'portValue'), `${port} is not a port`);
  return { address: required(socket.address, at(here, 'address')), port };
};
