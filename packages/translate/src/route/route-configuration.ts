import { httpRules } from '@weft/model/delegation';
import { isWildcard, resolveHost } from '@weft/model/host';
import type { Mesh, Pod } from '@weft/model/mesh';
import { isOnMesh, virtualServiceFor } from '@weft/model/virtual-service-for';
import { isVisible, servicesVisibleTo } from '@weft/model/visibility';
import type { RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { oncePerMesh, remember } from '../memo.ts';
import { HTTP_PROXY_ROUTES } from '../names.ts';
import { outsideVirtualHost } from '../outside.ts';
import { withOperations } from '../tracing/operation.ts';
import { callerKey } from './caller.ts';
import { ownVirtualHost, serviceVirtualHost } from './virtual-host.ts';

/** The table of the outbound HTTP proxy. Callers of one namespace that match the same `sourceLabels` share it. */
export const httpProxyRoutes = (mesh: Mesh, caller: Pod): RouteConfiguration => {
  const view = viewKey(mesh, caller);
  return oncePerMesh(mesh, `routes ${view}`, () => {
    const plain = virtualHosts(mesh, caller);
    const hosts = mesh.meshConfig.tracing === null ? plain : plain.map(withOperations);
    const anchor = mesh.namespaces.get(caller.namespace) ?? mesh;
    return remember(anchor, `routes ${view}`, hosts, () => ({
      name: HTTP_PROXY_ROUTES,
      virtualHosts: hosts,
      validateClusters: false,
    }));
  });
};

/** The table of proxies that take its virtual hosts one by one. */
export const byVirtualHost: RouteConfiguration = {
  name: HTTP_PROXY_ROUTES,
  vhds: { configSource: { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' } },
  validateClusters: false,
};

/** Callers of one key see the same routes. */
export const viewKey = (mesh: Mesh, caller: Pod): string => {
  const looking = oncePerMesh(mesh, 'rules that look at the caller', () =>
    mesh.virtualServices
      .map((source) => httpRules(mesh, source))
      .filter((rules) =>
        rules.some(({ rule }) =>
          rule.match?.some((m) => m.sourceNamespace || Object.keys(m.sourceLabels ?? {}).length > 0),
        ),
      ),
  );
  return [caller.namespace, ...looking.map((rules) => callerKey(rules, caller))].join(' ');
};

const virtualHosts = (mesh: Mesh, caller: Pod): VirtualHost[] => {
  const services = servicesVisibleTo(mesh, caller.namespace);
  const ofServices = services.flatMap((service) => {
    const source = virtualServiceFor(mesh, service.host, caller.namespace);
    return service.ports
      .filter((port) => port.protocol !== 'udp')
      .map((port) => serviceVirtualHost(mesh, service, port, source, caller));
  });
  return [
    ...ofServices,
    ...withoutService(mesh, caller, new Set(ofServices.flatMap((h) => h.domains ?? []))),
    outsideVirtualHost(mesh),
  ];
};

/** Hosts of VirtualServices that no visible service has. A domain may stand in one virtual host only. */
const withoutService = (mesh: Mesh, caller: Pod, taken: Set<string>): VirtualHost[] =>
  mesh.virtualServices
    .filter((v) => isOnMesh(v.spec) && v.spec.http?.length && isVisible(v.spec.exportTo, v.namespace, caller.namespace))
    .flatMap((source) =>
      (source.spec.hosts ?? []).flatMap((name) => {
        const host = resolveHost(name, source.namespace, mesh);
        const known = host === '*' || taken.has(host) || taken.has(`${host}:80`) || mesh.services.has(host);
        if (known || (isWildcard(host) && !host.startsWith('*.'))) return [];
        taken.add(host);
        return [ownVirtualHost(mesh, host, source, caller)];
      }),
    );
