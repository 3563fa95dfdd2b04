import type { TcpProxy } from '@weft/xds-api/gen/envoy/extensions/filters/network/tcp_proxy/v3';
import type { TcpProxyConfig } from '../runtime-config.ts';
import { compileAccessLogs } from './access-log.ts';
import { fail } from './failure.ts';
import { at, durationMs, onlyKnown, required } from './fields.ts';

const DEFAULT_IDLE_MS = 3_600_000;

export const compileTcpProxy = (json: TcpProxy, path: string): TcpProxyConfig => {
  onlyKnown(
    json,
    path,
    [
      'statPrefix',
      'cluster',
      'weightedClusters',
      'idleTimeout',
      'maxConnectAttempts',
      'accessLog',
      'maxDownstreamConnectionDuration',
    ],
    [
      'hashPolicy',
      'backoffOptions',
      'accessLogFlushInterval',
      'flushAccessLogOnConnected',
      'accessLogOptions',
      'maxDownstreamConnectionDurationJitterPercentage',
    ],
  );
  return {
    kind: 'tcp',
    statPrefix: json.statPrefix ?? '',
    clusters: compileClusters(json, path),
    idleTimeoutMs: durationMs(json.idleTimeout, DEFAULT_IDLE_MS, at(path, 'idleTimeout')),
    maxConnectionDurationMs: durationMs(
      json.maxDownstreamConnectionDuration,
      0,
      at(path, 'maxDownstreamConnectionDuration'),
    ),
    maxConnectAttempts: json.maxConnectAttempts || 1,
    accessLog: compileAccessLogs(json.accessLog, at(path, 'accessLog')),
  };
};

const compileClusters = (json: TcpProxy, path: string): TcpProxyConfig['clusters'] => {
  const weighted = json.weightedClusters?.clusters;
  if (!weighted) return [{ name: required(json.cluster, at(path, 'cluster')), weight: 1 }];
  const clusters = weighted.map((cluster, i) => {
    const here = at(at(path, 'weightedClusters.clusters'), i);
    onlyKnown(cluster, here, ['name', 'weight']);
    return { name: required(cluster.name, at(here, 'name')), weight: cluster.weight ?? 0 };
  });
  if (!clusters.some((cluster) => cluster.weight > 0)) fail(at(path, 'weightedClusters'), 'the weights add up to 0');
  return clusters;
};
