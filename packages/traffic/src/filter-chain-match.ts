import type { FilterChainConfig, ListenerConfig } from './runtime-config.ts';

/**
 * The filter chain of a connection, as Envoy chooses it: by the address it was made to (the narrowest range), among those
 * by server name (exact, then the longest `*.suffix`, then chains without), among those by transport protocol, among those by application protocols; at each step the more
 * specific choice stands and is not taken back. Null: close the connection.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch
 *
 * `serverName` in lower case, empty without TLS or SNI; `alpn` are the protocols the client offers.
 */
export const findFilterChain = (
  listener: ListenerConfig,
  destinationAddress: string,
  transportProtocol: 'tls' | 'raw_buffer',
  serverName: string,
  alpn: readonly string[],
): FilterChainConfig | null => {
  const chains = listener.hasRanges ? toAddress(listener.filterChains, destinationAddress) : listener.filterChains;
  const name = bestServerName(chains, serverName);
  let candidates = chains.filter(({ match }) =>
    name === '' ? match.serverNames.length === 0 : match.serverNames.includes(name),
  );
  const byTransport = candidates.filter(({ match }) => match.transportProtocol === transportProtocol);
  candidates = byTransport.length > 0 ? byTransport : candidates.filter(({ match }) => match.transportProtocol === '');
  // The client's order of preference counts, not the chains'.
  for (const protocol of alpn) {
    const chain = candidates.find(({ match }) => match.applicationProtocols.includes(protocol));
    if (chain) return chain;
  }
  return candidates.find(({ match }) => match.applicationProtocols.length === 0) ?? listener.defaultFilterChain;
};

const toAddress = (chains: readonly FilterChainConfig[], address: string): readonly FilterChainConfig[] => {
  let best = -1;
  for (const { match } of chains) {
    for (const range of match.destinationRanges) {
      if (range.specificity > best && range.contains(address)) best = range.specificity;
    }
  }
  if (best === -1) return chains.filter(({ match }) => match.destinationRanges.length === 0);
  return chains.filter(({ match }) =>
    match.destinationRanges.some((range) => range.specificity === best && range.contains(address)),
  );
};

const bestServerName = (chains: readonly FilterChainConfig[], serverName: string): string => {
  if (serverName === '') return '';
  let best = '';
  for (const { match } of chains) {
    for (const name of match.serverNames) {
      if (name === serverName) return name;
      if (name.startsWith('*.') && serverName.endsWith(name.slice(1)) && name.length > best.length) best = name;
    }
  }
  return best;
};

/** The more specific first; a stable order for dumps and explanations. */
export const sortFilterChains = (chains: readonly FilterChainConfig[]): FilterChainConfig[] =>
  [...chains].sort((a, b) => specificity(b) - specificity(a));

const specificity = ({ match }: FilterChainConfig): number =>
  (match.destinationRanges.length ? 8 : 0) +
  (match.serverNames.length ? 4 : 0) +
  (match.transportProtocol ? 2 : 0) +
  (match.applicationProtocols.length ? 1 : 0);
