import type { Protocol } from './mesh.ts';

const KNOWN: Record<string, Protocol> = {
  http: 'http',
  http_proxy: 'http',
  http2: 'http2',
  grpc: 'grpc',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  udp: 'udp',
  mongo: 'mongo',
  mysql: 'mysql',
  redis: 'redis',
};

const KUBERNETES: Record<string, Protocol> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** Ports whose servers speak first, which detection would stall: SMTP, DNS, MySQL, MongoDB. */
const SERVER_FIRST = new Set([25, 53, 3306, 27017]);

/**
 * The protocol of a service's port: `appProtocol`, else the port's name up to the first `-`, in any case; `auto` (to be
 * detected) where neither says. https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
 */
export const protocolOf = (port: {
  readonly name: string;
  readonly port: number;
  readonly appProtocol?: string | null;
  readonly transport?: string | null;
}): Protocol => {
  if (port.transport === 'UDP') return 'udp';
  const kubernetes = port.appProtocol && KUBERNETES[port.appProtocol];
  if (kubernetes) return kubernetes;
  const said = (port.appProtocol || port.name).toLowerCase();
  if (said.startsWith('grpc-web')) return 'grpc-web';
  const prefix = said.split('-', 1)[0] as string;
  if (Object.hasOwn(KNOWN, prefix)) return KNOWN[prefix] as Protocol;
  return SERVER_FIRST.has(port.port) ? 'tcp' : 'auto';
};
