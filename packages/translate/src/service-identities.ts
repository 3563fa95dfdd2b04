import type { Mesh, Service } from '@weft/model/mesh';
import { podsOfService, workloadsOfService } from '@weft/model/pods-of-service';
import { spiffeId } from './names.ts';

/**
 * The SPIFFE ids that may answer for a service: those of its pods and of the workloads that will make its pods, so that
 * the list does not change with every restart. Sorted.
 */
export const serviceIdentities = (mesh: Mesh, service: Service): readonly string[] => {
  const those = [...podsOfService(mesh, service), ...workloadsOfService(mesh, service)];
  const accounts = new Set(those.map(({ serviceAccount }) => serviceAccount));
  return [...accounts].sort().map((account) => spiffeId(mesh, service.namespace, account));
};
