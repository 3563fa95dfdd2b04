import type { Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import { sortFilterChains } from '../filter-chain-match.ts';
import type { FilterChainConfig, ListenerConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, durationMs, oneOf, onlyKnown, required, typeOf } from './fields.ts';
import { compileFilterChain } from './filter-chain.ts';
import { socketAddress } from './endpoints.ts';

const DEFAULT_INSPECTOR_TIMEOUT_MS = 15_000;
const INSPECTOR = 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector';
/** Looks at the first bytes for HTTP, to fill application protocols; no chain of ours asks for those on plaintext. */
const HTTP_INSPECTOR = 'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector';

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
  const inspectors = (json.listenerFilters ?? []).map((filter, i) => {
    const here = at('listenerFilters', i);
    onlyKnown(filter, here, ['name', 'typedConfig']);
    const any = required(filter.typedConfig, at(here, 'typedConfig'));
    return oneOf(typeOf(any), INSPECTOR, [INSPECTOR, HTTP_INSPECTOR], at(here, 'typedConfig.@type'));
  });
  const inspectTls = inspectors.includes(INSPECTOR);
  if (!inspectTls) checkNeedsNoInspector(chains);
  return {
    name: required(json.name, 'name'),
    address,
    port,
    direction: directions[json.trafficDirection ?? 'UNSPECIFIED'],
    inspectTls,
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
const checkNeedsNoInspector = (chains: readonly FilterChainConfig[]): void => {
  for (const [i, { match }] of chains.entries()) {
    if (match.serverNames.length || match.applicationProtocols.length || match.transportProtocol === 'tls') {
      fail(at(at('filterChains', i), 'filterChainMatch'), 'needs the tls_inspector listener filter');
    }
  }
};
