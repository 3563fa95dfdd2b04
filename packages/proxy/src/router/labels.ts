import { unknownPeer } from '../headers/peer-metadata.ts';
import type { Cluster, DestinationService, Host } from '../context.ts';
import type { PeerLabels } from '../telemetry.ts';

const unknownService: DestinationService = { host: 'unknown', name: 'unknown', namespace: 'unknown' };

export const destinationService = (cluster: Cluster | null, host: Host | null): DestinationService => {
  if (host !== null && host.destination !== null) return host.destination;
  return cluster === null || cluster.config.destination.host === '' ? unknownService : cluster.config.destination;
};

/** Istio's name for requests to hosts that the mesh does not know and lets nobody call. */
export const blackHole: DestinationService = { host: 'unknown', name: 'BlackHoleCluster', namespace: 'unknown' };

/** Labels of an endpoint's workload: `name;namespace;canonical-name;canonical-revision;cluster`. */
export const endpointLabels = (host: Host | null): PeerLabels => {
  const text = host?.config.workload ?? '';
  if (text === '') return unknownPeer;
  const part = (i: number): string => parts[i] || 'unknown';
  const parts = text.split(';');
  return {
    workload: part(0),
    namespace: part(1),
    app: part(2),
    version: parts[3] || 'unknown',
    canonicalName: part(2),
    canonicalRevision: parts[3] || 'latest',
    cluster: part(4),
  };
};
