import type { FilterChainConfig, ListenerConfig } from './runtime-config.ts';

/**
 * The filter chain of a connection, as Envoy chooses it: by server name (exact, then the longest `*.suffix`, then
 * chains without), among those by transport protocol, among those by application protocols; at each step the more
 * specific choice stands and is not taken back. Null: close the connection.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch
 *
 * `serverName` in lower case, empty without TLS or SNI; `alpn` are the protocols the client offers.
 */
export const findFilterChain = (
  listener: ListenerConfig,
  transportProtocol: 'tls' | 'raw_buffer',
  serverName: string,
  alpn: readonly string[],
): FilterChainConfig | null => {
  const chains = listener.filterChains;
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
  (match.serverNames.length ? 4 : 0) + (match.transportProtocol ? 2 : 0) + (match.applicationProtocols.length ? 1 : 0);
