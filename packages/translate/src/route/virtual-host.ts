import { httpRules } from '@weft/model/delegation';
import type { VirtualService } from '@weft/model/kinds/virtual-service';
import type { Mesh, MeshObject, Pod, Service, ServicePort } from '@weft/model/mesh';
import type { Route, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { l4Source } from '../listener/l4-routes.ts';
import { remember } from '../memo.ts';
import { outboundCluster, tcpTunnelCluster, TUNNEL_CLUSTER } from '../names.ts';
import { isHttp } from '../service-port.ts';
import { destinationHosts } from './action.ts';
import { callerKey } from './caller.ts';
import { defaultRoute, virtualServiceRoutes } from './http-route.ts';

type Source = MeshObject<VirtualService>;

/** One port of a service, for one caller. Proxies of one namespace, if they match the same `sourceLabels`, share it. */
export const serviceVirtualHost = (
  mesh: Mesh,
  service: Service,
  port: ServicePort,
  source: Source | undefined,
  caller: Pod,
): VirtualHost => {
  const routed = isHttp(port.protocol) && source?.spec.http?.length ? source : undefined;
  const near = service.namespace === caller.namespace;
  const l4 = l4Source(mesh, service, port, caller) !== undefined;
  const conditions = routed ? callerKey(httpRules(mesh, routed), caller) : '';
  const key = `host ${service.host}:${port.port} ${near} ${l4} ${conditions}`;
  return remember(routed ?? service, key, [service, ...destinations(mesh, routed)], () => ({
    name: `${service.host}:${port.port}`,
    domains: domainsOf(mesh, service, port.port, near),
    routes: [
      connectRoute(connectCluster(service, port, l4)),
      ...(routed
        ? virtualServiceRoutes(mesh, routed, caller, port.port)
        : isHttp(port.protocol)
          ? [defaultRoute(port.port, service.host)]
          : []),
    ],
    includeRequestAttemptCount: true,
  }));
};

/** A host that only a VirtualService knows: at port 80, as in Istio. */
export const ownVirtualHost = (mesh: Mesh, host: string, source: Source, caller: Pod): VirtualHost =>
  remember(source, `host ${host} ${callerKey(httpRules(mesh, source), caller)}`, destinations(mesh, source), () => ({
    name: `${host}:80`,
    domains: [host, `${host}:80`],
    routes: [connectRoute(TUNNEL_CLUSTER), ...virtualServiceRoutes(mesh, source, caller, 80)],
    includeRequestAttemptCount: true,
  }));

/** What the routes of a VirtualService are made of: its rules, and the services whose ports its clusters are named after. */
const destinations = (mesh: Mesh, source: Source | undefined): unknown[] => {
  if (!source) return [];
  const rules = httpRules(mesh, source);
  return [
    rules,
    ...rules
      .flatMap(({ rule, of }) => destinationHosts(rule, of.namespace, mesh))
      .map((host) => mesh.services.get(host)),
  ];
};

/** Rules for TCP and TLS are the service's own listener's, which a tunnel goes through then. */
const connectCluster = ({ host }: Service, { port, protocol }: ServicePort, l4: boolean): string => {
  if (isHttp(protocol)) return TUNNEL_CLUSTER;
  return l4 ? tcpTunnelCluster(port, host) : outboundCluster(port, '', host);
};

const connectRoute = (cluster: string): Route => ({
  match: { connectMatcher: {} },
  route: { cluster, timeout: '0s', upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }] },
});

/** What callers write in their URLs; without the port only where it is the scheme's own. */
const domainsOf = (mesh: Mesh, service: Service, port: number, near: boolean): string[] => {
  const { name, namespace, host } = service;
  const names = [host, `${name}.${namespace}.svc`, `${name}.${namespace}`, ...(near ? [name] : [])];
  const distinct = [...new Set(host === `${name}.${namespace}.svc.${mesh.domainSuffix}` ? names : [host])];
  return distinct.flatMap((domain) => [...(port === 80 ? [domain] : []), `${domain}:${port}`]);
};
