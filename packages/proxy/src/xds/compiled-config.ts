import { compileAccessLogFormat } from '@weft/telemetry/access-log';
import { compileCluster, compileEndpoints, compileListener, isCompileError } from '@weft/traffic/compile';
import type { RouteTable } from '@weft/traffic/route-table';
import type {
  ClusterConfig,
  CompileError,
  EndpointConfig,
  FilterChainConfig,
  ListenerConfig,
  RuntimeConfig,
} from '@weft/traffic/runtime-config';
import { decodeMessage } from '@weft/xds/codec';
import { typeUrls } from '@weft/xds-api/type-urls';
import { DiscoveredHosts, type HostsUpdate } from './discovered-hosts.ts';
import { type DiscoveredTable, RouteTableCompiler } from './route-table-compiler.ts';

/** A resource as it came. */
export interface ReceivedResource {
  readonly name: string;
  /** The message's bytes. */
  readonly bytes: Uint8Array;
}

/** One for each resource that cannot be used. */
export type Problems = readonly CompileError[];

const NO_ENDPOINTS: readonly EndpointConfig[] = [];

/**
 * The last good configuration, part by part. An update is compiled as a whole, only what it brings, and then taken as a
 * whole or refused as a whole; the decoded JSON is not kept. `current` is a new object after each update that was taken.
 */
export class CompiledConfig {
  #listeners: ReadonlyMap<string, ListenerConfig> = new Map();
  /** Each with its endpoints. */
  #clusters: ReadonlyMap<string, ClusterConfig> = new Map();
  #routeTables: ReadonlyMap<string, RouteTable> = new Map();
  readonly #endpoints = new Map<string, readonly EndpointConfig[]>();
  /** Names of the clusters of each EDS name, where it is not just the one that has that name itself. */
  readonly #aliases = new Map<string, Set<string>>();
  readonly #routeTableCompiler = new RouteTableCompiler();
  readonly #discovered: DiscoveredHosts;
  #current: RuntimeConfig = this.#snapshot();

  /** `keptHosts`: the virtual hosts that were taken so far, by resource name. */
  constructor(keptHosts: () => Iterable<ReceivedResource> = () => []) {
    this.#discovered = new DiscoveredHosts(keptHosts);
  }

  get current(): RuntimeConfig {
    return this.#current;
  }

  /** EDS names of the present clusters. */
  wantedEndpoints(): Set<string> {
    const names = new Set<string>();
    for (const cluster of this.#clusters.values()) if (cluster.discovery === 'eds') names.add(cluster.edsName);
    return names;
  }

  /** Names of the route tables that the present listeners refer to. */
  wantedRouteTables(): Set<string> {
    const names = new Set<string>();
    for (const listener of this.#listeners.values()) for (const name of routeTablesOf(listener)) names.add(name);
    return names;
  }

  /** Some table leaves its virtual hosts to VHDS. */
  get wantsVirtualHosts(): boolean {
    return this.#discovered.wanted;
  }

  /** Null if it was taken; else what is wrong with it. */
  update(typeUrl: string, added: readonly ReceivedResource[], removed: readonly string[]): Problems | null {
    const problems = this.#take(typeUrl, added, removed);
    if (problems === null) this.#current = this.#snapshot();
    return problems;
  }

  #take(typeUrl: string, added: readonly ReceivedResource[], removed: readonly string[]): Problems | null {
    switch (typeUrl) {
      case typeUrls.cluster:
        return this.#takeClusters(added, removed);
      case typeUrls.clusterLoadAssignment:
        return this.#takeEndpoints(added);
      case typeUrls.listener:
        return this.#takeListeners(added, removed);
      case typeUrls.routeConfiguration:
        return this.#takeRouteTables(added);
      case typeUrls.virtualHost:
        return this.#takeVirtualHosts(added, removed);
      default:
        return [{ resource: typeUrl, message: 'was not asked for' }];
    }
  }

  #takeClusters(added: readonly ReceivedResource[], removed: readonly string[]): Problems | null {
    const compiled = compileAll(typeUrls.cluster, added, (json: Json<typeof compileCluster>) => compileCluster(json));
    if (!(compiled instanceof Map)) return compiled;
    const clusters = new Map(this.#clusters);
    for (const name of removed) clusters.delete(name);
    for (const [name, cluster] of compiled) clusters.set(name, this.#withEndpoints(cluster));
    this.#clusters = clusters;
    this.#forgetEndpoints();
    return null;
  }

  /** Removed endpoints stay, as in Envoy: their cluster goes, or gets others. */
  #takeEndpoints(added: readonly ReceivedResource[]): Problems | null {
    const compiled = compileAll(typeUrls.clusterLoadAssignment, added, (json: Json<typeof compileEndpoints>) =>
      compileEndpoints(json),
    );
    if (!(compiled instanceof Map)) return compiled;
    const clusters = new Map(this.#clusters);
    for (const [edsName, endpoints] of compiled) {
      this.#endpoints.set(edsName, endpoints);
      for (const name of this.#aliases.get(edsName) ?? [edsName]) {
        const cluster = clusters.get(name);
        if (cluster?.discovery === 'eds' && cluster.edsName === edsName)
          clusters.set(name, { ...cluster, endpoints, warm: true });
      }
    }
    this.#clusters = clusters;
    return null;
  }

  #takeListeners(added: readonly ReceivedResource[], removed: readonly string[]): Problems | null {
    const compiled = compileAll(typeUrls.listener, added, (json: Json<typeof compileListener>) => {
      const listener = compileListener(json);
      return isCompileError(listener) ? listener : (accessLogError(listener) ?? listener);
    });
    if (!(compiled instanceof Map)) return compiled;
    const listeners = new Map(this.#listeners);
    for (const name of removed) listeners.delete(name);
    for (const [name, listener] of compiled) listeners.set(name, listener);
    this.#listeners = listeners;
    const wanted = this.wantedRouteTables();
    this.#routeTables = new Map([...this.#routeTables].filter(([name]) => wanted.has(name)));
    this.#discovered.retain((name) => wanted.has(name));
    return null;
  }

  /** A removed table stays while a listener refers to it. */
  #takeRouteTables(added: readonly ReceivedResource[]): Problems | null {
    const compiled = collect(added, ({ name, bytes }): RouteTable | HostsUpdate | CompileError => {
      const table = this.#routeTableCompiler.compile(bytes, this.#routeTables.get(name));
      return isDiscovered(table) ? this.#discovered.withTable(table.discovered) : table;
    });
    if (!(compiled instanceof Map)) return compiled;
    const tables = new Map(this.#routeTables);
    const whole = new Set<string>();
    for (const [name, made] of compiled) {
      if ('match' in made) {
        tables.set(name, made);
        whole.add(name);
      } else this.#commit(made, tables);
    }
    this.#discovered.retain((name) => !whole.has(name));
    this.#routeTables = tables;
    return null;
  }

  #takeVirtualHosts(added: readonly ReceivedResource[], removed: readonly string[]): Problems | null {
    const update = this.#discovered.withHosts(added, removed);
    if (!('commit' in update)) return update;
    const tables = new Map(this.#routeTables);
    this.#commit(update, tables);
    this.#routeTables = tables;
    return null;
  }

  #commit(update: HostsUpdate, tables: Map<string, RouteTable>): void {
    update.commit();
    for (const [name, table] of update.tables) tables.set(name, table);
  }

  #withEndpoints(cluster: ClusterConfig): ClusterConfig {
    if (cluster.discovery !== 'eds') return cluster;
    if (cluster.edsName !== cluster.name) {
      const names = this.#aliases.get(cluster.edsName) ?? new Set([cluster.edsName]);
      this.#aliases.set(cluster.edsName, names.add(cluster.name));
    }
    const endpoints = this.#endpoints.get(cluster.edsName);
    return { ...cluster, endpoints: endpoints ?? NO_ENDPOINTS, warm: endpoints !== undefined };
  }

  #forgetEndpoints(): void {
    const wanted = this.wantedEndpoints();
    for (const name of this.#endpoints.keys()) if (!wanted.has(name)) this.#endpoints.delete(name);
    for (const name of this.#aliases.keys()) if (!wanted.has(name)) this.#aliases.delete(name);
  }

  #snapshot(): RuntimeConfig {
    return { listeners: this.#listeners, clusters: this.#clusters, routeTables: this.#routeTables };
  }
}

const isDiscovered = (table: object): table is DiscoveredTable => 'discovered' in table;

/** The tables that a listener needs before it can be opened. */
export const routeTablesOf = (listener: ListenerConfig): string[] =>
  chainsOf(listener).flatMap(({ network }) =>
    network.kind === 'http' && network.routeConfigName !== null ? [network.routeConfigName] : [],
  );

const chainsOf = (listener: ListenerConfig): readonly FilterChainConfig[] =>
  listener.defaultFilterChain ? [...listener.filterChains, listener.defaultFilterChain] : listener.filterChains;

type Json<Compile extends (json: never) => unknown> = Parameters<Compile>[0];

const compileAll = <Message, Result extends object>(
  typeUrl: string,
  resources: readonly ReceivedResource[],
  compile: (json: Message) => Result | CompileError,
): Map<string, Result> | Problems => {
  const typeName = typeUrl.slice(typeUrl.indexOf('/') + 1);
  return collect(resources, ({ bytes }) => compile(decodeMessage<Message>(typeName, bytes)));
};

/** By name, or what is wrong with them. */
const collect = <Result extends object>(
  resources: readonly ReceivedResource[],
  compile: (resource: ReceivedResource) => Result | CompileError,
): Map<string, Result> | Problems => {
  const compiled = new Map<string, Result>();
  const problems: CompileError[] = [];
  for (const resource of resources) {
    const { name } = resource;
    try {
      const result = compile(resource);
      if (isCompileError(result)) problems.push({ resource: name, message: result.message });
      else compiled.set(name, result);
    } catch (error) {
      problems.push({ resource: name, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return problems.length > 0 ? problems : compiled;
};

/** The formats are compiled again where they are used; here it is only seen that they can be. */
const accessLogError = (listener: ListenerConfig): CompileError | null => {
  for (const { network } of chainsOf(listener)) {
    for (const { format } of network.accessLog) {
      try {
        if (format !== null) compileAccessLogFormat(format);
      } catch (error) {
        return { resource: listener.name, message: error instanceof Error ? error.message : String(error) };
      }
    }
  }
  return null;
};
