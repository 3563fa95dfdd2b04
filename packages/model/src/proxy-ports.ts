import type { Mesh, Service, ServicePort } from './mesh.ts';

/** The ports a sidecar owns at its pod's address, as Istio users know them. */
export const proxyPorts = {
  admin: 15000,
  /** HTTP proxy (`HTTP_PROXY`): absolute-form and CONNECT. */
  outbound: 15001,
  inbound: 15006,
  mergedMetrics: 15020,
  health: 15021,
  metrics: 15090,
} as const;

/** The ports of the control plane at its address. */
export const controlPlanePorts = { xdsPlain: 15010, xds: 15012, metrics: 15014 } as const;

const TCP_RANGE_START = 20_000;
const TCP_RANGE_SIZE = 10_000;

const isOpaque = (p: ServicePort): boolean =>
  !['http', 'http2', 'grpc', 'grpc-web', 'auto', 'udp'].includes(p.protocol);

/**
 * The port, at every pod's address, where a sidecar listens for connections to a TCP service (the application finds it
 * in `X_SERVICE_HOST` and `X_SERVICE_PORT`). A hash of the service's name, so that a service keeps its port when
 * others come and go; a collision moves the one that is later in (host, port) order to the next free port.
 */
export const tcpListenerPorts = (
  mesh: Mesh,
): ReadonlyMap<string, { service: Service; port: ServicePort; listen: number }> => {
  const all = [...mesh.services.values()]
    .flatMap((service) =>
      service.ports.filter(isOpaque).map((port) => ({ key: `${service.host}:${port.port}`, service, port })),
    )
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = new Set<number>();
  const result = new Map<string, { service: Service; port: ServicePort; listen: number }>();
  for (const { key, service, port } of all) {
    let listen = TCP_RANGE_START + (fnv1a(key) % TCP_RANGE_SIZE);
    while (taken.has(listen)) listen = TCP_RANGE_START + ((listen + 1 - TCP_RANGE_START) % TCP_RANGE_SIZE);
    taken.add(listen);
    result.set(key, { service, port, listen });
  }
  return result;
};

const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
};
