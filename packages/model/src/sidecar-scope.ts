import { dependentsIn } from './dependents.ts';
import { hostCovers, resolveHost } from './host.ts';
import type { Sidecar } from './kinds/sidecar.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject, Pod, Service } from './mesh.ts';
import type { MeshConfig } from './mesh-config.ts';
import { following } from './revision.ts';
import { labelsMatch } from './selector.ts';
import { isOnMesh, virtualServiceFor } from './virtual-service-for.ts';
import { isVisible } from './visibility.ts';

/**
 * What a proxy sees: what is exported to its namespace, narrowed by the `egress` of its Sidecar. What a VirtualService
 * that it sees leads to is seen too, as in Istio.
 * https://istio.io/latest/docs/reference/config/networking/sidecar/
 */

type Rule = MeshObject<VirtualService>;

const selectorOf = ({ spec }: MeshObject<Sidecar>): Readonly<Record<string, string>> =>
  spec.workloadSelector?.labels ?? {};

/** Found out since Sidecars last changed. */
const chosen = following<{ bySidecar: WeakMap<Pod, { readonly sidecar: MeshObject<Sidecar> | undefined }> }>(
  () => ({ bySidecar: new WeakMap() }),
  (thing, { sidecars }) => {
    if (sidecars.length > 0) thing.bySidecar = new WeakMap();
  },
);

/** The oldest that selects the pod, else its namespace's, else that of the root namespace, where selectors do not count. */
export const sidecarFor = (mesh: Mesh, pod: Pod): MeshObject<Sidecar> | undefined => {
  if (mesh.sidecars.length === 0) return undefined;
  const { bySidecar } = chosen(mesh);
  let known = bySidecar.get(pod);
  if (!known) bySidecar.set(pod, (known = { sidecar: chooseSidecar(mesh, pod) }));
  return known.sidecar;
};

const chooseSidecar = (mesh: Mesh, pod: Pod): MeshObject<Sidecar> | undefined => {
  const isGeneral = (sidecar: MeshObject<Sidecar>): boolean => Object.keys(selectorOf(sidecar)).length === 0;
  const own = mesh.sidecars.filter((sidecar) => sidecar.namespace === pod.namespace);
  return (
    own.find((sidecar) => !isGeneral(sidecar) && labelsMatch(selectorOf(sidecar), pod.labels)) ??
    own.find(isGeneral) ??
    mesh.sidecars.find((sidecar) => sidecar.namespace === mesh.rootNamespace && isGeneral(sidecar))
  );
};

/** Whether the proxy of a pod is told of a service. */
export const seesService = (mesh: Mesh, pod: Pod, service: Service): boolean => {
  if (!isVisible(service.exportTo, service.namespace, pod.namespace)) return false;
  const sidecar = sidecarFor(mesh, pod);
  if (!sidecar?.spec.egress?.length || imports(sidecar, pod, service.namespace, service.host)) return true;
  for (const rule of dependentsIn(mesh).byDestination.get(service.host))
    if (seesRule(mesh, pod, rule) || isDelegateOfSeen(mesh, pod, rule)) return true;
  return false;
};

/** Whether the proxy of a pod is routed by a VirtualService. */
export const seesRule = (mesh: Mesh, pod: Pod, rule: Rule): boolean => {
  if (!isOnMesh(rule.spec) || !isVisible(rule.spec.exportTo, rule.namespace, pod.namespace)) return false;
  const sidecar = sidecarFor(mesh, pod);
  if (!sidecar?.spec.egress?.length) return true;
  return (rule.spec.hosts ?? []).some((name) =>
    imports(sidecar, pod, rule.namespace, resolveHost(name, rule.namespace, mesh)),
  );
};

const isDelegateOfSeen = (mesh: Mesh, pod: Pod, rule: Rule): boolean =>
  [...dependentsIn(mesh).byDelegate.get(`${rule.namespace}/${rule.name}`)].some((root) => seesRule(mesh, pod, root));

const imports = ({ spec }: MeshObject<Sidecar>, pod: Pod, namespace: string, host: string): boolean =>
  (spec.egress ?? []).some(({ hosts }) =>
    hosts.some((entry) => {
      const slash = entry.indexOf('/');
      const [from, pattern] = [entry.slice(0, slash), entry.slice(slash + 1)];
      const there = from === '*' || from === namespace || (from === '.' && namespace === pod.namespace);
      return there && (hostCovers(pattern, host) || hostCovers(host, pattern));
    }),
  );

/** The VirtualService that routes a host's requests in the sidecar of a pod, if any: see `virtualServiceFor`. */
export const virtualServiceSeen = (mesh: Mesh, host: string, pod: Pod): Rule | undefined =>
  virtualServiceFor(mesh, host, pod.namespace, (rule) => seesRule(mesh, pod, rule));

/** For hosts that the proxy of a pod does not see. */
export const outboundTrafficPolicyFor = (mesh: Mesh, pod: Pod): MeshConfig['outboundTrafficPolicy'] =>
  sidecarFor(mesh, pod)?.spec.outboundTrafficPolicy?.mode ?? mesh.meshConfig.outboundTrafficPolicy;
