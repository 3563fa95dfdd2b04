import type { LastGoodObject } from './last-good.ts';
import type { DeniedSelection, Mesh, MeshObject, Namespace, Pod, Service, Workload } from './mesh.ts';
import { defaultMeshConfig, type MeshConfig } from './mesh-config.ts';
import type { MeshPart } from './mesh-part.ts';
import { withChanges } from './object-order.ts';
import { resolveMeshConfig } from './resolve-mesh-config.ts';
import { type Change, continueLine, type MeshChanges } from './revision.ts';
import { compareKeys, SortedMap } from './sorted-map.ts';

export type MeshSettings = Pick<Mesh, 'trustDomain' | 'rootNamespace' | 'domainSuffix'>;

/** A mesh, and what the next one is made from. */
export interface Assembly {
  readonly mesh: Mesh & {
    readonly services: SortedMap<Service>;
    readonly workloads: SortedMap<Workload>;
    readonly pods: SortedMap<Pod>;
    readonly namespaces: SortedMap<Namespace>;
  };
  /** How many objects are in each namespace. */
  readonly mentions: SortedMap<number>;
  readonly meshConfigs: SortedMap<LastGoodObject>;
}

export const emptyAssembly = (settings: MeshSettings): Assembly => ({
  mesh: {
    ...settings,
    meshConfig: defaultMeshConfig,
    namespaces: SortedMap.of<Namespace>([]),
    services: SortedMap.of<Service>([]),
    workloads: SortedMap.of<Workload>([]),
    pods: SortedMap.of<Pod>([]),
    virtualServices: [],
    destinationRules: [],
    sidecars: [],
    peerAuthentications: [],
    authorizationPolicies: [],
    denied: [],
  },
  mentions: SortedMap.of<number>([]),
  meshConfigs: SortedMap.of<LastGoodObject>([]),
});

/**
 * The mesh after changes of objects, by key; `lastGood` has all that are in force, after them. Orders do not depend on how
 * files are named. The same mesh where nothing in it changes.
 */
export const assembleMesh = (
  before: Assembly,
  changed: ReadonlyMap<string, Change<LastGoodObject>>,
  lastGood: ReadonlyMap<string, LastGoodObject>,
  denied: readonly DeniedSelection[],
): Assembly => {
  const { mesh } = before;
  const partsOf = [...changed.values()].filter((change) => change.before?.part !== change.after?.part);
  const objects = <T>(pick: (part: MeshPart) => MeshObject<T> | undefined): Change<MeshObject<T>>[] =>
    partsOf.flatMap((change) =>
      changeOf(change.before && pick(change.before.part), change.after && pick(change.after.part)),
    );
  const named = <T>(
    map: SortedMap<T>,
    pick: (part: MeshPart) => T | undefined,
    keyOf: (item: T) => string,
    kinds: (item: T) => string[],
  ): NamedChanges<T> => {
    const next = new Map<string, T | undefined>();
    for (const change of partsOf)
      for (const side of [change.before, change.after]) {
        const item = side && pick(side.part);
        if (!item) continue;
        // Objects of two kinds can bring what goes by one name: the first of these that is there counts.
        const winner = kinds(item)
          .map((key) => lastGood.get(key))
          .find((good) => good && pick(good.part));
        next.set(keyOf(item), winner && pick(winner.part));
      }
    return { next, changes: [...next].flatMap(([key, after]) => changeOf(map.get(key), after)) };
  };

  const services = named(
    mesh.services,
    (p) => p.service,
    (s) => s.host,
    (s) => [`Service/${nameOf(s)}`],
  );
  const workloads = named(
    mesh.workloads,
    (p) => p.workload,
    nameOf,
    (w) => [`Pod/${nameOf(w)}`, `Deployment/${nameOf(w)}`],
  );
  const pods = named(
    mesh.pods,
    (p) => p.pod,
    nameOf,
    (p) => [`Pod/${nameOf(p)} (instance)`, `Pod/${nameOf(p)}`],
  );
  const virtualServices = objects((p) => p.virtualService);
  const destinationRules = objects((p) => p.destinationRule);
  const sidecars = objects((p) => p.sidecar);
  const peerAuthentications = objects((p) => p.peerAuthentication);
  const authorizationPolicies = objects((p) => p.authorizationPolicy);
  const inNamespaces = [
    services.changes,
    workloads.changes,
    pods.changes,
    virtualServices,
    destinationRules,
    sidecars,
    peerAuthentications,
    authorizationPolicies,
  ];
  const mentions = countMentions(before.mentions, inNamespaces.flat());
  const namespaces = namespacesAfter(mesh.namespaces, mentions, partsOf, lastGood);
  const configured = new Map(
    [...changed]
      .filter(([, c]) => c.before?.part.meshConfig ?? c.after?.part.meshConfig)
      .map(([key, c]) => [key, c.after?.part.meshConfig && c.after]),
  );
  const meshConfigs = before.meshConfigs.with(configured);
  const meshConfig = configured.size > 0 ? meshConfigOf(meshConfigs, mesh.meshConfig) : mesh.meshConfig;

  const changes: MeshChanges = {
    namespaces: namespaces.changes,
    services: services.changes,
    workloads: workloads.changes,
    pods: pods.changes,
    virtualServices,
    destinationRules,
    sidecars,
    peerAuthentications,
    authorizationPolicies,
    denied: denied !== mesh.denied,
    meshConfig: meshConfig !== mesh.meshConfig,
  };
  if (Object.values(changes).every((change) => change === false || (Array.isArray(change) && change.length === 0)))
    return { ...before, meshConfigs };
  const next = {
    ...mesh,
    meshConfig,
    services: mesh.services.with(services.next),
    workloads: mesh.workloads.with(workloads.next),
    pods: mesh.pods.with(pods.next),
    virtualServices: withChanges(mesh.virtualServices, virtualServices),
    destinationRules: withChanges(mesh.destinationRules, destinationRules),
    sidecars: withChanges(mesh.sidecars, sidecars),
    peerAuthentications: withChanges(mesh.peerAuthentications, peerAuthentications),
    authorizationPolicies: withChanges(mesh.authorizationPolicies, authorizationPolicies),
    namespaces: mesh.namespaces.with(namespaces.next),
    denied,
  };
  continueLine(mesh, next, changes);
  return { mesh: next, mentions: mentions.all, meshConfigs };
};

interface NamedChanges<T> {
  readonly next: ReadonlyMap<string, T | undefined>;
  readonly changes: readonly Change<T>[];
}

const nameOf = (item: { readonly namespace: string; readonly name: string }): string =>
  `${item.namespace}/${item.name}`;

const changeOf = <T>(before: T | undefined, after: T | undefined): Change<T>[] =>
  before === after ? [] : [{ before, after }];

interface Mentions {
  readonly all: SortedMap<number>;
  readonly changed: ReadonlySet<string>;
}

const countMentions = (
  before: SortedMap<number>,
  changes: readonly Change<{ readonly namespace: string }>[],
): Mentions => {
  const counts = new Map<string, number>();
  const count = (namespace: string, n: number): void => {
    counts.set(namespace, (counts.get(namespace) ?? before.get(namespace) ?? 0) + n);
  };
  for (const change of changes) {
    if (change.before) count(change.before.namespace, -1);
    if (change.after) count(change.after.namespace, 1);
  }
  const next = new Map([...counts].map(([namespace, n]): [string, number | undefined] => [namespace, n || undefined]));
  return { all: before.with(next), changed: new Set(counts.keys()) };
};

/** Those that are written down, and those that other objects merely name. */
const namespacesAfter = (
  before: SortedMap<Namespace>,
  mentions: Mentions,
  changed: readonly Change<LastGoodObject>[],
  lastGood: ReadonlyMap<string, LastGoodObject>,
): NamedChanges<Namespace> => {
  const declared = changed.flatMap((c) => [c.before?.part.namespace?.name, c.after?.part.namespace?.name]);
  const next = new Map<string, Namespace | undefined>();
  for (const name of new Set([...declared, ...mentions.changed])) {
    if (name === undefined) continue;
    const was = before.get(name);
    const mentioned = was && Object.keys(was.labels).length === 0 ? was : { name, labels: {} };
    const written = lastGood.get(`Namespace//${name}`)?.part.namespace;
    next.set(name, written ?? (mentions.all.has(name) ? mentioned : undefined));
  }
  return { next, changes: [...next].flatMap(([name, after]) => changeOf(before.get(name), after)) };
};

/** In the order of files, as later ones add to earlier ones. The same object as before if it says the same. */
const meshConfigOf = (sources: SortedMap<LastGoodObject>, before: MeshConfig): MeshConfig => {
  const specs = [...sources]
    .sort(([a, { file: x }], [b, { file: y }]) => compareKeys(x, y) || compareKeys(a, b))
    .flatMap(([, { part }]) => (part.meshConfig ? [part.meshConfig] : []));
  if (specs.length === 0) return defaultMeshConfig;
  const config = resolveMeshConfig(specs);
  return JSON.stringify(before) === JSON.stringify(config) ? before : config;
};
