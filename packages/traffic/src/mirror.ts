import type { Random } from '@weft/base/random';
import type { HeaderOperations } from './runtime-config.ts';

/** A copy of requests, whose answers nobody waits for. */
export interface MirrorPolicy {
  readonly cluster: string;
  /** Share of requests, in [0, 1]. */
  readonly share: number;
  /** Empty: the request's, with `-shadow` behind its name unless `keepsHost`. */
  readonly hostRewrite: string;
  readonly keepsHost: boolean;
  readonly requestHeaders: HeaderOperations;
}

export const isMirrored = ({ share }: MirrorPolicy, random: Random): boolean => share >= 1 || random() < share;

/** `reviews:9080` → `reviews-shadow:9080`, as Envoy: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto */
export const mirrorHost = ({ hostRewrite, keepsHost }: MirrorPolicy, host: string): string => {
  if (hostRewrite !== '') return hostRewrite;
  if (keepsHost) return host;
  const parts = host.split(':');
  return parts.length === 2 ? `${parts[0]}-shadow:${parts[1]}` : `${host}-shadow`;
};
