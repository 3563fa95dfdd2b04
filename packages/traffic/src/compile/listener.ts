import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import { sortFilterChains } from '../filter-chain-match.ts';
import type { FilterChainConfig, ListenerConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, durationMs, onlyKnown, required } from './fields.ts';
import { compileFilterChain } from './filter-chain.ts';
import { compileListenerFilters, type ListenerFilters } from './listener-filters.ts';
import { socketAddress } from './endpoints.ts';

const DEFAULT_INSPECTOR_TIMEOUT_MS = 15_000;
export const listener = (json: Listener): ListenerConfig => {
  onlyKnown(
    json,
    '',
    [
      'name',
      'address',
      'filterChains',
      'defaultFilterChain',
      'listenerFilters',
      'listenerFiltersTimeout',
      'continueOnListenerFiltersTimeout',
      'trafficDirection',
      'bindToPort',
    ],
    [
      'statPrefix',
      'metadata',
      'perConnectionBufferLimitBytes',
      'perConnectionBufferHighWatermarkTimeout',
      'drainType',
      'tcpBacklogSize',
      'reusePort',
      'enableReusePort',
      'connectionBalanceConfig',
      'maxConnectionsToAcceptPerSocketEvent',
      'tcpKeepalive',
      'tcpFastOpenQueueLength',
      'socketOptions',
      'ignoreGlobalConnLimit',
      'bypassOverloadManager',
      'enableMptcp',
    ],
  );
  if (json.bindToPort === false) fail('bindToPort', 'false is not supported: nothing redirects to this listener');
  const { address, port } = socketAddress(required(json.address, 'address'), 'address');
  const chains = (json.filterChains ?? []).flatMap(
    (chain, i) => compileFilterChain(chain, port, at('filterChains', i)) ?? [],
  );
  const defaultFilterChain = json.defaultFilterChain
    ? compileFilterChain(json.defaultFilterChain, port, 'defaultFilterChain')
    : null;
  if (chains.length === 0 && !defaultFilterChain) fail('filterChains', 'is required');
  checkDistinct(chains);
  const filters = compileListenerFilters(json.listenerFilters ?? [], 'listenerFilters');
  checkHasInspectors(chains, filters);
  return {
    name: required(json.name, 'name'),
    address,
    port,
    direction: directions[json.trafficDirection ?? 'UNSPECIFIED'],
    ...filters,
    inspectorTimeoutMs: durationMs(json.listenerFiltersTimeout, DEFAULT_INSPECTOR_TIMEOUT_MS, 'listenerFiltersTimeout'),
    continueOnInspectorTimeout: json.continueOnListenerFiltersTimeout ?? false,
    filterChains: sortFilterChains(chains),
    defaultFilterChain,
    hasRanges: chains.some(({ match }) => match.destinationRanges.length > 0),
  };
};

const directions = { INBOUND: 'inbound', OUTBOUND: 'outbound', UNSPECIFIED: 'unspecified' } as const;

const checkDistinct = (chains: readonly FilterChainConfig[]): void => {
  const seen = new Set<string>();
  for (const [i, { match }] of chains.entries()) {
    const names = match.serverNames.length ? match.serverNames : [''];
    const protocols = match.applicationProtocols.length ? match.applicationProtocols : [''];
    const ranges = match.destinationRanges.length ? match.destinationRanges.map((range) => range.text) : [''];
    for (const name of names) {
      for (const protocol of protocols) {
        for (const range of ranges) {
          const key = `${range} ${name} ${match.transportProtocol} ${protocol}`;
          if (seen.has(key)) fail(at('filterChains', i), 'matches the same connections as an earlier chain');
          seen.add(key);
        }
      }
    }
  }
};

/** Envoy adds the inspector itself (deprecated); here a chain that could never match is a mistake to be told. */
const checkHasInspectors = (chains: readonly FilterChainConfig[], filters: ListenerFilters): void => {
  for (const [i, { match }] of chains.entries()) {
    const here = at(at('filterChains', i), 'filterChainMatch');
    const http = match.applicationProtocols.length > 0 && filters.inspectHttp;
    if ((match.serverNames.length || match.transportProtocol === 'tls') && !filters.inspectTls)
      fail(here, 'needs the tls_inspector listener filter');
    if (match.applicationProtocols.length > 0 && !filters.inspectTls && !http)
      fail(here, 'needs the tls_inspector or the http_inspector listener filter');
  }
};
