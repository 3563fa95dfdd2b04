import type { Mesh, Service } from './mesh.ts';

/**
 * Whether something exported by `ownNamespace` is seen in `clientNamespace`. Nothing said means everyone; `*` everyone,
 * `.` the own namespace, `~` no one. https://istio.io/latest/docs/reference/config/networking/virtual-service/ (exportTo)
 */
export const isVisible = (
  exportTo: readonly string[] | undefined,
  ownNamespace: string,
  clientNamespace: string,
): boolean =>
  !exportTo?.length ||
  exportTo.some((to) => to === '*' || to === clientNamespace || (to === '.' && ownNamespace === clientNamespace));

/** The services that workloads of a namespace may call by name, in the mesh's order. */
export const servicesVisibleTo = (mesh: Mesh, namespace: string): Service[] =>
  [...mesh.services.values()].filter((s) => isVisible(s.exportTo, s.namespace, namespace));
