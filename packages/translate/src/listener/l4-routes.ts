import { resolveHost } from '@weft/model/host';
import type { Destination } from '@weft/model/kinds/http-route';
import type { VirtualService } from '@weft/model/kinds/virtual-service';
import type { Mesh, MeshObject, Pod, Service, ServicePort } from '@weft/model/mesh';
import { labelsMatch } from '@weft/model/selector';
import { virtualServiceSeen } from '@weft/model/sidecar-scope';
import type { CidrRange } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { FilterChainMatch } from '@weft/xds-api/gen/envoy/config/listener/v3';
import { clusterOf } from '../route/action.ts';
import { isTcp } from '../service-port.ts';
import { outboundCluster } from '../names.ts';

/**
 * Where connections to a port of a TCP service go: the `tls` routes of its VirtualService, by SNI, where the port speaks
 * TLS, else its `tcp` routes; without any, or where none is for this caller, the service.
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSRoute and #TCPRoute
 */
export interface L4Route {
  /** Undefined: any connection. */
  readonly match: FilterChainMatch | undefined;
  /** Envoy's name for its statistics. */
  readonly statPrefix: string;
  /** By weight; one with the weight 1 is all. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
}

type Source = MeshObject<VirtualService>;
type TlsRoute = NonNullable<VirtualService['tls']>[number];
type TcpRoute = NonNullable<VirtualService['tcp']>[number];
type TcpMatch = NonNullable<TcpRoute['match']>[number];

const speaksTls = (port: ServicePort): boolean => port.protocol === 'tls' || port.protocol === 'https';

/** The VirtualService whose rules decide about connections to a port, if there is one; whoever calls. */
export const l4Source = (mesh: Mesh, service: Service, port: ServicePort, caller: Pod): Source | undefined => {
  if (!isTcp(port.protocol)) return undefined;
  const source = virtualServiceSeen(mesh, service.host, caller);
  const rules = speaksTls(port) ? source?.spec.tls : source?.spec.tcp;
  return rules?.length ? source : undefined;
};

/** What the routes of a VirtualService are made of besides itself: the services whose ports its clusters are named after. */
export const l4Destinations = (mesh: Mesh, source: Source | undefined): unknown[] =>
  [...(source?.spec.tls ?? []), ...(source?.spec.tcp ?? [])]
    .flatMap((rule) => rule.route)
    .map(({ destination }) => mesh.services.get(resolveHost(destination.host, source?.namespace ?? '', mesh)));

export const l4Routes = (mesh: Mesh, caller: Pod, service: Service, port: ServicePort): readonly L4Route[] => {
  const source = l4Source(mesh, service, port, caller);
  const name = outboundCluster(port.port, '', service.host);
  const toService: L4Route = { match: undefined, statPrefix: name, clusters: [{ name, weight: 1 }] };
  if (!source) return [toService];
  if (!speaksTls(port)) return tcpRoutes(mesh, source, caller, port.port, toService);
  const routes = tlsRoutes(mesh, source, caller, port.port);
  return routes.length > 0 ? routes : [toService];
};

/** A name that two routes have belongs to the first: Envoy takes no listener where two chains match the same. */
const tlsRoutes = (mesh: Mesh, source: Source, caller: Pod, port: number): readonly L4Route[] => {
  const taken = new Set<string>();
  return (source.spec.tls ?? []).flatMap((rule: TlsRoute) =>
    rule.match
      .filter((match) => isForCaller(match, caller, port))
      .flatMap((match) => {
        const subnets = distinctSubnets(match.destinationSubnets);
        const names = [...new Set(match.sniHosts.map((host) => host.toLowerCase()))];
        const fresh = names.filter((name) => !taken.has(`${name} ${subnets.join()}`));
        for (const name of fresh) taken.add(`${name} ${subnets.join()}`);
        if (fresh.length === 0) return [];
        const serverNames = fresh.includes('*') ? [] : fresh;
        return [
          toRoute(mesh, source, rule, port, {
            ...(serverNames.length > 0 && { serverNames }),
            transportProtocol: 'tls',
            ...ranges(subnets),
          }),
        ];
      }),
  );
};

/** Nothing behind a route for every connection is ever reached; without such a one the service itself is the last. */
const tcpRoutes = (mesh: Mesh, source: Source, caller: Pod, port: number, toService: L4Route): readonly L4Route[] => {
  const routes: L4Route[] = [];
  const taken = new Set<string>();
  for (const rule of source.spec.tcp ?? []) {
    const matches = rule.match?.length ? rule.match.filter((match) => isForCaller(match, caller, port)) : [{}];
    for (const match of matches as readonly TcpMatch[]) {
      const subnets = distinctSubnets(match.destinationSubnets);
      if (subnets.length === 0) return [...routes, toRoute(mesh, source, rule, port, undefined)];
      const fresh = subnets.filter((subnet) => !taken.has(subnet));
      for (const subnet of fresh) taken.add(subnet);
      if (fresh.length > 0) routes.push(toRoute(mesh, source, rule, port, ranges(fresh)));
    }
  }
  return [...routes, toService];
};

const isForCaller = (match: TcpMatch, caller: Pod, port: number): boolean =>
  (!match.gateways?.length || match.gateways.includes('mesh')) &&
  (match.port === undefined || match.port === port) &&
  (!match.sourceNamespace || match.sourceNamespace === caller.namespace) &&
  labelsMatch(match.sourceLabels ?? {}, caller.labels);

/** A destination that does not exist keeps its share; the connections that it gets are closed for want of its cluster. */
const toRoute = (
  mesh: Mesh,
  source: Source,
  rule: { readonly route: readonly { readonly destination: Destination; readonly weight?: number | undefined }[] },
  port: number,
  match: FilterChainMatch | undefined,
): L4Route => {
  const context = { mesh, namespace: source.namespace, port };
  const only = rule.route.length === 1;
  const clusters = rule.route
    .filter(({ weight }) => only || weight)
    .map(({ destination, weight }) => ({ name: clusterOf(destination, context), weight: only ? 1 : (weight ?? 0) }));
  const [first] = clusters;
  const statPrefix = clusters.length === 1 && first ? first.name : `${source.name}.${source.namespace}`;
  return { match, statPrefix, clusters };
};

const ranges = (subnets: readonly string[]): { prefixRanges?: CidrRange[] } =>
  subnets.length === 0 ? {} : { prefixRanges: subnets.map(cidr) };

/** Each range once, by its first address: Envoy takes 10.1.0.0/16 and 10.1.2.3/16 for one. */
const distinctSubnets = (subnets: readonly string[] | null | undefined): readonly string[] => [
  ...new Set((subnets ?? []).map(firstAddress)),
];

const firstAddress = (subnet: string): string => {
  const { addressPrefix = '', prefixLen = 32 } = cidr(subnet);
  const octets = addressPrefix.split('.').map(Number);
  if (octets.length !== 4) return subnet.toLowerCase();
  const kept = octets.map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, prefixLen - 8 * i))));
  return `${kept.join('.')}/${prefixLen}`;
};

/** `10.0.0.0/8`; an address alone is a range of one. */
const cidr = (subnet: string): CidrRange => {
  const [addressPrefix = '', length] = subnet.split('/');
  return { addressPrefix, prefixLen: length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length) };
};
