import type { ProxyContext } from '../context.ts';
import type { DownstreamPeer } from '../router/downstream-port.ts';
import type { UpstreamStream } from '../upstream/upstream-stream.ts';

/** A listener that takes what is inside of tunnels, as if it had been connected to by the tunnel's client. */
export interface Entrance {
  enter(peer: DownstreamPeer): UpstreamStream | null;
}

const byContext = new WeakMap<ProxyContext, Map<string, Entrance>>();

/** The listeners of a proxy by name, for clusters whose endpoint is one of them (Envoy's `envoy_internal_address`). */
export const internalListeners = (context: ProxyContext): Map<string, Entrance> => {
  let listeners = byContext.get(context);
  if (listeners === undefined) {
    listeners = new Map();
    byContext.set(context, listeners);
  }
  return listeners;
};
