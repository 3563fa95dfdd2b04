import { hash } from 'node:crypto';
import { compileRouteTableOf } from '@weft/traffic/compile';
import type { RouteTable } from '@weft/traffic/route-table';
import type { CompileError } from '@weft/traffic/runtime-config';
import { decodeMessage } from '@weft/xds/codec';
import { splitField } from '@weft/xds/codec/split-field';

type Table = Parameters<typeof compileRouteTableOf>[0];
type Host = Parameters<typeof compileRouteTableOf>[1][number];
type CompiledHost = Parameters<Parameters<typeof compileRouteTableOf>[2]>[1];

/** A table without its virtual hosts, which come by VHDS. */
export interface DiscoveredTable {
  readonly discovered: Table;
}

/** What a table was compiled from: a hash of all but its virtual hosts, and each of those by the hash of its bytes. */
interface Compiled {
  readonly rest: string;
  readonly hosts: ReadonlyMap<string, CompiledHost>;
}

const VIRTUAL_HOSTS = 2;
const digest = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64');

/**
 * Compiles route tables so that an update costs what changed: virtual hosts whose bytes are those of the table before
 * are neither decoded nor compiled again. A table of 3,000 hosts, compiled as a whole, holds up requests for 50 to
 * 100 ms (docs/decisions/0004-margin.md).
 */
export class RouteTableCompiler {
  readonly #compiled = new WeakMap<RouteTable, Compiled>();

  /** `before`: the table of that name in force. */
  compile(bytes: Uint8Array, before: RouteTable | undefined): RouteTable | DiscoveredTable | CompileError {
    const { rest, values } = splitField(bytes, VIRTUAL_HOSTS);
    const json = decodeMessage<Table>('envoy.config.route.v3.RouteConfiguration', rest);
    if (json.vhds && values.length === 0) return { discovered: json };
    const restDigest = digest(rest);
    const last = before && this.#compiled.get(before);
    const reusable = last?.rest === restDigest ? last.hosts : new Map<string, CompiledHost>();
    const digests = values.map(digest);
    const hosts = new Map<string, CompiledHost>();
    const sources = values.map((value, i): Host => {
      const kept = reusable.get(digests[i] as string);
      if (!kept) return decodeMessage<Exclude<Host, CompiledHost>>('envoy.config.route.v3.VirtualHost', value);
      hosts.set(digests[i] as string, kept);
      return kept;
    });
    const table = compileRouteTableOf(json, sources, (i, host) => hosts.set(digests[i] as string, host));
    if ('match' in table) this.#compiled.set(table, { rest: restDigest, hosts });
    return table;
  }
}
