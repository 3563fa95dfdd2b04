import type { Mesh, Service } from '@weft/model/mesh';
import { podsOfService, servicesOfPod } from '@weft/model/pods-of-service';
import { oncePerMesh } from './memo.ts';
import { spiffeId } from './names.ts';

/**
 * The SPIFFE ids that may answer for a service: those of its pods and of the workloads that will make its pods, so that
 * the list does not change with every restart. Sorted.
 */
export const serviceIdentities = (mesh: Mesh, service: Service): readonly string[] =>
  oncePerMesh(mesh, `identities ${service.host}`, () => {
    const accounts = new Set(workloadAccounts(mesh).get(service));
    for (const pod of podsOfService(mesh, service)) accounts.add(pod.serviceAccount);
    return [...accounts].sort().map((account) => spiffeId(mesh, service.namespace, account));
  });

const workloadAccounts = (mesh: Mesh): ReadonlyMap<Service, ReadonlySet<string>> =>
  oncePerMesh(mesh, 'accounts of workloads', () => {
    const accounts = new Map<Service, Set<string>>();
    for (const workload of mesh.workloads.values())
      for (const service of servicesOfPod(mesh, workload)) {
        const known = accounts.get(service);
        if (known) known.add(workload.serviceAccount);
        else accounts.set(service, new Set([workload.serviceAccount]));
      }
    return accounts;
  });
