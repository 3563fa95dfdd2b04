import type { Pod } from '@weft/model/mesh';
import { CLUSTER_ID } from '../names.ts';
import { encodeStruct } from './struct.ts';

/** Value of `x-envoy-peer-metadata`: base64 of a Struct that says which workload a request comes from. */
export const peerMetadata = (pod: Pod): string =>
  Buffer.from(
    encodeStruct({
      CLUSTER_ID,
      LABELS: pod.labels,
      NAME: pod.name,
      NAMESPACE: pod.namespace,
      OWNER: `kubernetes://apis/apps/v1/namespaces/${pod.namespace}/deployments/${pod.workload}`,
      WORKLOAD_NAME: pod.workload,
    }),
  ).toString('base64');
