import type { DeniedSelection, Mesh, MeshObject, Namespace, Pod, Service, Workload } from './mesh.ts';
import { defaultMeshConfig, type MeshConfig } from './mesh-config.ts';
import type { MeshPart } from './mesh-part.ts';
import { resolveMeshConfig } from './resolve-mesh-config.ts';

export type MeshSettings = Pick<Mesh, 'trustDomain' | 'rootNamespace' | 'domainSuffix'>;

/** Puts the parts of all objects together, in orders that do not depend on how files are named. */
export const assembleMesh = (
  settings: MeshSettings,
  parts: Iterable<MeshPart>,
  denied: readonly DeniedSelection[],
  previous: Mesh | undefined,
): Mesh => {
  const all = [...parts];
  const services = mapOf(
    all,
    (p) => p.service,
    (s) => s.host,
  );
  const workloads = mapOf(all, (p) => p.workload, named);
  const pods = mapOf(all, (p) => p.pod, named);
  const mesh = {
    ...settings,
    meshConfig: meshConfigOf(all, previous),
    services,
    workloads,
    pods,
    virtualServices: inOrder(all.map((p) => p.virtualService)),
    destinationRules: inOrder(all.map((p) => p.destinationRule)),
    peerAuthentications: inOrder(all.map((p) => p.peerAuthentication)),
    authorizationPolicies: inOrder(all.map((p) => p.authorizationPolicy)),
    denied,
  };
  return { ...mesh, namespaces: namespacesOf(all, mesh, previous) };
};

const named = (item: { readonly namespace: string; readonly name: string }): string => `${item.namespace}/${item.name}`;

const mapOf = <T extends Service | Workload | Pod>(
  parts: readonly MeshPart[],
  pick: (part: MeshPart) => T | undefined,
  key: (item: T) => string,
): ReadonlyMap<string, T> => {
  const entries = parts.flatMap((part): [string, T][] => {
    const item = pick(part);
    return item ? [[key(item), item]] : [];
  });
  return new Map(entries.sort(([a], [b]) => compare(a, b)));
};

/** The order in which they apply: the oldest first; those without a timestamp (files) before, by namespace and name. */
const inOrder = <Spec>(objects: readonly (MeshObject<Spec> | undefined)[]): readonly MeshObject<Spec>[] =>
  objects
    .filter((o) => o !== undefined)
    .sort(
      (a, b) =>
        compare(a.creationTimestamp ?? '', b.creationTimestamp ?? '') ||
        compare(a.namespace, b.namespace) ||
        compare(a.name, b.name),
    );

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The same object as before if it says the same. */
const meshConfigOf = (parts: readonly MeshPart[], previous: Mesh | undefined): MeshConfig => {
  const specs = parts.flatMap(({ meshConfig }) => (meshConfig ? [meshConfig] : []));
  if (specs.length === 0) return defaultMeshConfig;
  const config = resolveMeshConfig(specs);
  const before = previous?.meshConfig;
  return before && JSON.stringify(before) === JSON.stringify(config) ? before : config;
};

/** Those that are written down, and those that other objects merely name. */
const namespacesOf = (
  parts: readonly MeshPart[],
  mesh: Omit<Mesh, 'namespaces'>,
  previous: Mesh | undefined,
): ReadonlyMap<string, Namespace> => {
  const namespaces = new Map<string, Namespace>();
  for (const { namespace } of parts) if (namespace) namespaces.set(namespace.name, namespace);
  const mentioned = [mesh.services, mesh.workloads, mesh.pods].flatMap((map) => [...map.values()]);
  const objects = [mesh.virtualServices, mesh.destinationRules, mesh.peerAuthentications, mesh.authorizationPolicies];
  for (const { namespace: name } of [...mentioned, ...objects.flat()]) {
    if (namespaces.has(name)) continue;
    const before = previous?.namespaces.get(name);
    namespaces.set(name, before && Object.keys(before.labels).length === 0 ? before : { name, labels: {} });
  }
  return new Map([...namespaces].sort(([a], [b]) => compare(a, b)));
};
