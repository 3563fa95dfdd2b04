import { parseDurationMs, protoDuration } from '@weft/base/duration';
import type { ConnectionPoolSettings } from '@weft/model/kinds/traffic-policy';
import type { Mesh } from '@weft/model/mesh';
import type { Filter } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { TcpProxy } from '@weft/xds-api/gen/envoy/extensions/filters/network/tcp_proxy/v3';
import { extension } from '../typed.ts';
import { accessLogOf } from './access-log.ts';

type Weighted = readonly { readonly name: string; readonly weight: number }[];

/** All connections to one cluster. `tcp`: of a DestinationRule, how long a connection may be idle and last. */
export const tcpProxy = (mesh: Mesh, cluster: string, tcp?: ConnectionPoolSettings['tcp']): Filter =>
  weightedTcpProxy(mesh, cluster, [{ name: cluster, weight: 1 }], tcp);

export const weightedTcpProxy = (
  mesh: Mesh,
  statPrefix: string,
  clusters: Weighted,
  tcp: ConnectionPoolSettings['tcp'] = {},
): Filter =>
  extension('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    statPrefix,
    ...(clusters.length === 1
      ? { cluster: clusters[0]?.name ?? '' }
      : { weightedClusters: { clusters: clusters.map(({ name, weight }) => ({ name, weight })) } }),
    ...(tcp.idleTimeout !== undefined && { idleTimeout: protoDuration(parseDurationMs(tcp.idleTimeout) ?? 0) }),
    ...(tcp.maxConnectionDuration !== undefined && {
      maxDownstreamConnectionDuration: protoDuration(parseDurationMs(tcp.maxConnectionDuration) ?? 0),
    }),
    ...accessLogOf(mesh),
  } satisfies TcpProxy);
