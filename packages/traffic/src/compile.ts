/**
 * xDS resources, in their proto3 JSON form, to the parts of a RuntimeConfig. What would change where traffic goes or a
 * security decision, and is not understood, is an error (the resource is then refused); tuning that changes neither is
 * ignored. Results keep no reference to the JSON.
 */
import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { ClusterLoadAssignment } from '@weft/xds-api/gen/envoy/config/endpoint/v3';
import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { RBAC } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import type { RouteConfiguration, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { Authorizer } from './authorize.ts';
import { cluster } from './compile/cluster.ts';
import { endpoints } from './compile/endpoints.ts';
import { compiling } from './compile/failure.ts';
import { listener } from './compile/listener.ts';
import { compileRbacRules } from './compile/rbac.ts';
import { routeTable, routeTableOfHosts, virtualHostOf, type VirtualHostSource } from './compile/route-table.ts';
import type { CompiledVirtualHost } from './compiled-route-table.ts';
import type { RouteTable } from './route-table.ts';
import type { ClusterConfig, CompileError, EndpointConfig, ListenerConfig } from './runtime-config.ts';

export { isCompileError } from './compile/failure.ts';

export const compileListener = (json: Listener): ListenerConfig | CompileError =>
  compiling(json.name ?? '', () => listener(json));

export const compileCluster = (json: Cluster): ClusterConfig | CompileError =>
  compiling(json.name ?? '', () => cluster(json));

/** Endpoints of all localities. Priorities above 0 are refused until there is failover. */
export const compileEndpoints = (json: ClusterLoadAssignment): EndpointConfig[] | CompileError =>
  compiling(json.clusterName ?? '', () => endpoints(json, ''));

export const compileRouteTable = (json: RouteConfiguration): RouteTable | CompileError =>
  compiling(json.name ?? '', () => routeTable(json, ''));

/**
 * The same for a table whose virtual hosts come one by one: those given compiled are taken as they are, which is right
 * as long as the rest of the table is the same; the others are told to `onHost`.
 */
export const compileRouteTableOf = (
  table: RouteConfiguration,
  hosts: readonly VirtualHostSource[],
  onHost: (index: number, host: CompiledVirtualHost) => void,
): RouteTable | CompileError => compiling(table.name ?? '', () => routeTable(table, '', hosts, onHost));

/** One virtual host of a table that leaves them to VHDS; what it inherits is the table's. */
export const compileVirtualHost = (table: RouteConfiguration, host: VirtualHost): CompiledVirtualHost | CompileError =>
  compiling(host.name ?? '', () => virtualHostOf(table, host));

/** Such a table, with the hosts there are now; the later one has a domain that stands in two. */
export const routeTableOf = (table: RouteConfiguration, hosts: Iterable<CompiledVirtualHost>): RouteTable =>
  routeTableOfHosts(table, hosts);

/** The rules of an RBAC filter alone, as listeners carry them. */
export const compileRbac = (json: RBAC): Authorizer | CompileError =>
  compiling('rbac', () => compileRbacRules(json, '', new Set()));
