import { compileRouteTableOf, compileVirtualHost, isCompileError, routeTableOf } from '@weft/traffic/compile';
import type { RouteTable } from '@weft/traffic/route-table';
import type { CompileError } from '@weft/traffic/runtime-config';
import { decodeMessage } from '@weft/xds/codec';
import type { ReceivedResource } from './compiled-config.ts';

type Table = Parameters<typeof compileVirtualHost>[0];
type CompiledHost = Exclude<ReturnType<typeof compileVirtualHost>, CompileError>;

interface Discovered {
  readonly table: Table;
  /** By resource name. */
  readonly hosts: ReadonlyMap<string, CompiledHost>;
}

/** What an update makes of the tables, not yet in force. */
export interface HostsUpdate {
  readonly tables: ReadonlyMap<string, RouteTable>;
  /** Puts it in force. */
  commit(): void;
}

const NO_TABLE: Table = {};

/**
 * Route tables that leave their virtual hosts to VHDS: each host is a resource of its own, named `TABLE/HOST`
 * (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds), so that a change costs that
 * host. A table is made once the first response has come: before, it would send strangers' way what it does not know
 * yet. Envoy asks for hosts on demand; weft's proxy takes all it may see (docs/decisions/0008-xds-server.md).
 */
export class DiscoveredHosts {
  readonly #tables = new Map<string, Discovered>();
  readonly #kept: () => Iterable<ReceivedResource>;
  #received = false;

  /** `kept`: the virtual hosts accepted so far; a table that comes later, or changes, is made of them. */
  constructor(kept: () => Iterable<ReceivedResource>) {
    this.#kept = kept;
  }

  get wanted(): boolean {
    return this.#tables.size > 0;
  }

  /** A table that came by RDS. Its hosts are compiled again, as what they inherit may have changed. */
  withTable(table: Table): HostsUpdate | CompileError {
    const { vhds: _, ...own } = table;
    const name = table.name ?? '';
    const checked = compileRouteTableOf(own, [], () => {});
    if (isCompileError(checked)) return checked;
    const hosts = new Map<string, CompiledHost>();
    for (const resource of this.#received ? this.#kept() : []) {
      if (tableOf(resource.name) !== name) continue;
      const host = compileHost(own, resource);
      if (isCompileError(host)) return { resource: name, message: `${resource.name}: ${host.message}` };
      hosts.set(resource.name, host);
    }
    return {
      tables: this.#received ? new Map([[name, routeTableOf(own, hosts.values())]]) : new Map(),
      commit: () => this.#tables.set(name, { table: own, hosts }),
    };
  }

  /** Tables that listeners no longer name, or that hold their hosts themselves, are forgotten. */
  retain(isWanted: (table: string) => boolean): void {
    for (const name of this.#tables.keys()) if (!isWanted(name)) this.#tables.delete(name);
    if (this.#tables.size === 0) this.#received = false;
  }

  /** An update of virtual hosts. Those of tables that are not there yet are checked only. */
  withHosts(added: readonly ReceivedResource[], removed: readonly string[]): HostsUpdate | CompileError[] {
    const problems: CompileError[] = [];
    const next = new Map<string, Map<string, CompiledHost>>();
    const hostsOf = (table: string): Map<string, CompiledHost> | undefined => {
      const known = this.#tables.get(table);
      if (known && !next.has(table)) next.set(table, new Map(known.hosts));
      return next.get(table);
    };
    if (!this.#received) for (const table of this.#tables.keys()) hostsOf(table);
    for (const name of removed) hostsOf(tableOf(name))?.delete(name);
    for (const resource of added) {
      const table = tableOf(resource.name);
      const host = compileHost(this.#tables.get(table)?.table ?? NO_TABLE, resource);
      if (isCompileError(host)) problems.push({ resource: resource.name, message: host.message });
      else {
        const hosts = hostsOf(table);
        // Last in order, whatever it was before.
        hosts?.delete(resource.name);
        hosts?.set(resource.name, host);
      }
    }
    if (problems.length > 0) return problems;
    const made = new Map<string, Discovered>();
    for (const [name, hosts] of next) made.set(name, { table: this.#tables.get(name)?.table ?? NO_TABLE, hosts });
    return {
      tables: new Map([...made].map(([name, { table, hosts }]) => [name, routeTableOf(table, hosts.values())])),
      commit: () => {
        this.#received = true;
        for (const [name, discovered] of made) this.#tables.set(name, discovered);
      },
    };
  }
}

/** The table of a virtual host's resource: what stands before the last `/`. */
const tableOf = (resource: string): string => resource.slice(0, Math.max(0, resource.lastIndexOf('/')));

const compileHost = (table: Table, { name, bytes }: ReceivedResource): CompiledHost | CompileError => {
  try {
    return compileVirtualHost(table, decodeMessage('envoy.config.route.v3.VirtualHost', bytes));
  } catch (error) {
    return { resource: name, message: error instanceof Error ? error.message : String(error) };
  }
};
