import { isIP, type LookupFunction } from 'node:net';
import type { EndpointConfig } from '@weft/traffic/runtime-config';
import type { Cluster, DestinationService, Host } from '../context.ts';
import type { DnsCache } from '../dns/dns-cache.ts';
import type { HostPool } from './host-pool.ts';

/** Names are looked up here, and addresses refused. */
export interface OutsideOptions {
  readonly dns: DnsCache;
  readonly refuses: (address: string, port: number) => boolean;
}

/** Hosts at once, as Envoy's `max_hosts`. */
const MAX_HOSTS = 1024;

/**
 * The hosts of a cluster that goes wherever requests ask for (Envoy's dynamic forward proxy): one for each name and
 * port, made when first asked for. Its connections are made to what DNS says; those to an address that its name does not
 * have any more close, once the TTL is over, after the request that they are in.
 */
export class OutsideHosts {
  readonly #cluster: Cluster;
  readonly #options: OutsideOptions;
  /** The one asked for longest ago comes first. */
  readonly #hosts = new Map<string, OutsideHost>();

  constructor(cluster: Cluster, options: OutsideOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  /** `authority`: a name or address, in lower case, with or without port. Null: refused, malformed, or too many at once. */
  pick(authority: string, defaultPort: number): Host | null {
    const known = this.#hosts.get(authority);
    if (known) {
      this.#hosts.delete(authority);
      this.#hosts.set(authority, known);
      known.refresh();
      return known;
    }
    const target = parseAuthority(authority, defaultPort);
    if (target === null) return null;
    if (isIP(target.name) !== 0 && this.#options.refuses(target.name, target.port)) return null;
    if (this.#hosts.size >= MAX_HOSTS && !this.#forgetOne()) return null;
    const host = new OutsideHost(target.name, target.port, this.#cluster.name, this.#options);
    this.#hosts.set(authority, host);
    return host;
  }

  #forgetOne(): boolean {
    for (const [authority, host] of this.#hosts) {
      if (host.active > 0) continue;
      this.#hosts.delete(authority);
      host.removed = true;
      host.pool?.drain(false);
      return true;
    }
    return false;
  }
}

/** One name and port. */
class OutsideHost implements Host {
  readonly address: string;
  readonly port: number;
  readonly weight = 1;
  active = 0;
  config: EndpointConfig;
  readonly tls = null;
  pool: HostPool | null = null;
  removed = false;
  readonly outlier = null;
  failedCheck = false;
  readonly destination: DestinationService;
  readonly lookup: LookupFunction | null;
  readonly #dns: DnsCache;

  constructor(name: string, port: number, cluster: string, options: OutsideOptions) {
    this.address = name;
    this.port = port;
    this.config = {
      address: name,
      port,
      weight: 1,
      healthy: true,
      region: '',
      zone: '',
      workload: '',
      transportSocketLabels: {},
    };
    this.destination = { host: name, name: cluster, namespace: 'unknown' };
    this.#dns = options.dns;
    this.lookup = isIP(name) === 0 ? lookupIn(options.dns, (address) => options.refuses(address, port)) : null;
  }

  /** Asks again when the TTL is over; requests do not wait for it while there are connections. */
  refresh(): void {
    if (this.lookup === null || this.pool === null || this.#dns.isFresh(this.address)) return;
    this.#dns.addresses(this.address).then(
      (addresses) => this.pool?.drainOthers(addresses),
      () => {},
    );
  }
}

/** `lookup` of `net.connect` by way of the cache. Addresses that are refused are as if they were not there. */
export const lookupIn =
  (dns: DnsCache, refuses: (address: string) => boolean): LookupFunction =>
  (name, options, callback) => {
    dns.addresses(name).then(
      (found) => {
        const allowed = found.filter((address) => !refuses(address));
        const [first] = allowed;
        if (first === undefined) callback(refused(name), '');
        else if (options.all === true)
          callback(
            null,
            allowed.map((address) => ({ address, family: isIP(address) })),
          );
        else callback(null, first, isIP(first));
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };

const refused = (name: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`the addresses of ${name} are not to be reached from here`), { code: 'EACCES' });

/** `host`, `host:80`, `[::1]:80`. Null: malformed. */
export const parseAuthority = (
  authority: string,
  defaultPort: number,
): { readonly name: string; readonly port: number } | null => {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/.exec(authority);
  if (!parts) return null;
  const name = parts[1] ?? parts[2] ?? '';
  const port = parts[3] === undefined ? defaultPort : Number(parts[3]);
  if (port === 0 || port > 65_535 || name.length > 253 || (parts[1] !== undefined && isIP(name) !== 6)) return null;
  // The root's dot says no more than that the name is whole.
  return { name: name.replace(/(?<=.)\.$/, ''), port };
};
