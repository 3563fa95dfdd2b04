import type { HeaderMatcher } from './header-matcher.ts';
import type { RequestView } from './request.ts';
import type { RouteMatcher } from './route-matcher.ts';
import type { Route, RouteTable, VirtualHostInfo } from './route-table.ts';
import type { VirtualHosts } from './virtual-hosts.ts';

export interface RouteEntry {
  readonly matcher: RouteMatcher;
  readonly route: Route;
}

export interface CompiledVirtualHost extends VirtualHostInfo {
  readonly domains: readonly string[];
  readonly entries: readonly RouteEntry[];
  /** Requests that come as plain HTTP are redirected to HTTPS before any route is looked at. */
  readonly requireTls: 'none' | 'external_only' | 'all';
  readonly tlsRedirect: Route | null;
  readonly virtualClusters: readonly VirtualCluster[];
}

/** A name for statistics; it has no part in where a request goes. */
export interface VirtualCluster {
  readonly name: string;
  readonly headers: readonly HeaderMatcher[];
}

/** The first route, in order, of the one virtual host that the authority belongs to; other virtual hosts are not tried. */
export class CompiledRouteTable implements RouteTable {
  readonly name: string;
  readonly #hosts: VirtualHosts<CompiledVirtualHost>;

  constructor(name: string, hosts: VirtualHosts<CompiledVirtualHost>) {
    this.name = name;
    this.#hosts = hosts;
  }

  match(request: RequestView): Route | null {
    const host = this.#hosts.find(request.authority);
    if (host === null) return null;
    if (needsTls(host, request)) return host.tlsRedirect;
    const { entries } = host;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as RouteEntry;
      if (entry.matcher.matches(request)) return entry.route;
    }
    return null;
  }

  virtualHost(request: RequestView): CompiledVirtualHost | null {
    return this.#hosts.find(request.authority);
  }
}

export const needsTls = (host: CompiledVirtualHost, request: RequestView): boolean => {
  if (host.requireTls === 'none' || request.scheme === 'https') return false;
  return host.requireTls === 'all' || !isInternal(request.headers);
};

const isInternal = (headers: readonly string[]): boolean => {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'x-envoy-internal' && headers[i + 1] === 'true') return true;
  }
  return false;
};
