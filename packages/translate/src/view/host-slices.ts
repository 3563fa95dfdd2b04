import { destinationRuleFor } from '@weft/model/destination-rule-for';
import { isWildcard } from '@weft/model/host';
import type { DestinationRule } from '@weft/model/kinds/destination-rule';
import type { Mesh, MeshObject, Pod, Service } from '@weft/model/mesh';
import { seesRule, seesService, virtualServiceSeen } from '@weft/model/sidecar-scope';
import { virtualServicesOfHost } from '@weft/model/virtual-service-for';
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { outboundClusterOf, outboundTargets } from '../cluster/outbound.ts';
import { endpointsOf } from '../endpoint/endpoints.ts';
import { ownVirtualHost, serviceVirtualHost } from '../route/virtual-host.ts';
import { withOperations } from '../tracing/operation.ts';

/** What a host is to the proxies of a view. */
export interface HostSlice {
  readonly clusters: readonly Cluster[];
  readonly endpoints: readonly ClusterLoadAssignment[];
  readonly virtualHosts: readonly VirtualHost[];
}

const NOTHING: readonly never[] = [];

/** `caller`: any one proxy of a view stands for all of them. `own`: whether they are ours, which speak more protocols. */
export const sliceOf = (mesh: Mesh, host: string, caller: Pod, own: boolean): HostSlice => {
  const service = mesh.services.get(host);
  const seen = service && seesService(mesh, caller, service) ? service : undefined;
  const plain = seen ? ofService(mesh, seen, caller) : service ? NOTHING : withoutService(mesh, host, caller);
  const virtualHosts = mesh.meshConfig.tracing === null ? plain : plain.map(withOperations);
  if (!seen) return { clusters: NOTHING, endpoints: NOTHING, virtualHosts };
  return { ...outbound(mesh, seen, destinationRuleFor(mesh, host, caller.namespace), own), virtualHosts };
};

type Outbound = Pick<HostSlice, 'clusters' | 'endpoints'>;

interface KnownOutbound extends Outbound {
  readonly rule: MeshObject<DestinationRule> | undefined;
}

const outbounds = new WeakMap<Mesh, Map<string, KnownOutbound>>();

/** Namespaces that see the same rule, as nearly all do, see the same. */
const outbound = (
  mesh: Mesh,
  service: Service,
  rule: MeshObject<DestinationRule> | undefined,
  own: boolean,
): Outbound => {
  let known = outbounds.get(mesh);
  if (!known) outbounds.set(mesh, (known = new Map()));
  const key = own ? service.host : `${service.host} others`;
  const last = known.get(key);
  if (last && last.rule === rule) return last;
  const targets = outboundTargets(service, rule);
  const slice = {
    rule,
    clusters: targets.map((target) => outboundClusterOf(mesh, target, own)),
    endpoints: targets.map(({ port, subset, name }) => endpointsOf(mesh, service, port, name, subset?.labels ?? {})),
  };
  known.set(key, slice);
  return slice;
};

const ofService = (mesh: Mesh, service: Service, caller: Pod): VirtualHost[] => {
  const source = virtualServiceSeen(mesh, service.host, caller);
  return service.ports
    .filter((port) => port.protocol !== 'udp')
    .map((port) => serviceVirtualHost(mesh, service, port, source, caller));
};

/** A host that no service has, of the first VirtualService that routes it. A domain may stand in one virtual host only. */
const withoutService = (mesh: Mesh, host: string, caller: Pod): readonly VirtualHost[] => {
  if (host === '*' || (isWildcard(host) && !host.startsWith('*.')) || isNameOfService(mesh, host, caller))
    return NOTHING;
  const source = virtualServicesOfHost(mesh, host).find(
    (rule) => rule.spec.http?.length && seesRule(mesh, caller, rule),
  );
  return source ? [ownVirtualHost(mesh, host, source, caller)] : NOTHING;
};

const SHORT_NAME = /^([^.]+)\.([^.]+)(?:\.svc)?$/;

/** Whether it is one of the names of a service that the caller sees, at the port where names stand alone. */
const isNameOfService = (mesh: Mesh, host: string, caller: Pod): boolean => {
  const [, name, namespace] = SHORT_NAME.exec(host) ?? [];
  const service = mesh.services.get(`${name}.${namespace}.svc.${mesh.domainSuffix}`);
  if (!service || !seesService(mesh, caller, service)) return false;
  return service.ports.some(({ port, protocol }) => port === 80 && protocol !== 'udp');
};
