import type { PeerLabels } from '../telemetry.ts';
import { decodeStruct, encodeStruct, isStruct, type Struct, type StructValue } from './struct.ts';

/**
 * `x-envoy-peer-metadata`, Istio's metadata exchange over HTTP: base64 of a `google.protobuf.Struct` with NAME,
 * NAMESPACE, WORKLOAD_NAME, CLUSTER_ID and LABELS. Decoded once for each distinct value.
 * https://github.com/istio/istio/wiki/Metadata-exchange (message: google/protobuf/struct.proto)
 */
export const unknownPeer: PeerLabels = {
  workload: 'unknown',
  namespace: 'unknown',
  app: 'unknown',
  version: 'unknown',
  canonicalName: 'unknown',
  canonicalRevision: 'latest',
  cluster: 'unknown',
};

/** As many peers as one proxy can well have; beyond it the cache starts anew. */
const CACHE_SIZE = 2048;

const cache = new Map<string, PeerLabels>();

/** What cannot be read is an unknown peer: it costs labels, not the request. */
export const peerLabelsOf = (value: string): PeerLabels => {
  const cached = cache.get(value);
  if (cached) return cached;
  if (cache.size >= CACHE_SIZE) cache.clear();
  const labels = read(value);
  cache.set(value, labels);
  return labels;
};

const read = (value: string): PeerLabels => {
  let struct: Struct;
  try {
    struct = decodeStruct(Buffer.from(value, 'base64'));
  } catch {
    return unknownPeer;
  }
  return labelsOfStruct(struct);
};

/** What is not there, or of another type, is unknown. */
export const labelsOfStruct = (struct: Struct): PeerLabels => {
  const text = (v: StructValue | undefined): string => (typeof v === 'string' && v !== '' ? v : 'unknown');
  const labels = isStruct(struct.LABELS) ? struct.LABELS : {};
  return peerLabels({
    workload: text(struct.WORKLOAD_NAME),
    namespace: text(struct.NAMESPACE),
    cluster: text(struct.CLUSTER_ID),
    labels: Object.fromEntries(Object.entries(labels).map(([k, v]) => [k, text(v)])),
  });
};

/** Istio's rules for what its metrics call a workload: canonical name and revision fall back to `app` and `version`. */
export const peerLabels = (node: {
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
}): PeerLabels => {
  const { labels } = node;
  const app = labels.app ?? labels['app.kubernetes.io/name'];
  const version = labels.version ?? labels['app.kubernetes.io/version'];
  return {
    workload: node.workload,
    namespace: node.namespace,
    app: app ?? 'unknown',
    version: version ?? 'unknown',
    canonicalName: labels['service.istio.io/canonical-name'] ?? app ?? node.workload,
    canonicalRevision: labels['service.istio.io/canonical-revision'] ?? version ?? 'latest',
    cluster: node.cluster,
  };
};

export const encodePeerMetadata = (struct: Struct): string => encodeStruct(struct).toString('base64');
