import type { Mesh, Service, ServicePort } from './mesh.ts';
import { following } from './revision.ts';

/** The ports a sidecar owns at its pod's address, as Istio users know them. */
export const proxyPorts = {
  admin: 15000,
  /** HTTP proxy (`HTTP_PROXY`): absolute-form and CONNECT. */
  outbound: 15001,
  inbound: 15006,
  /** Mutual TLS and HTTP/2 whose streams are connections to the pod's ports. */
  hbone: 15008,
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
 * others come and go; a collision moves the one that is later in (host, port) order to the next free port, and what finds none has no listener.
 */
export const tcpListenerPorts = (mesh: Mesh): ReadonlyMap<string, TcpListenerPort> => portsOf(mesh).ports;

export interface TcpListenerPort {
  readonly service: Service;
  readonly port: ServicePort;
  readonly listen: number;
}

/** Made anew where a service with such a port changes. */
const portsOf = following<{ ports: ReadonlyMap<string, TcpListenerPort> }>(
  (mesh) => ({ ports: assignPorts(mesh) }),
  (thing, { services }, mesh) => {
    if (services.some(({ before, after }) => before?.ports.some(isOpaque) || after?.ports.some(isOpaque)))
      thing.ports = assignPorts(mesh);
  },
);

const assignPorts = (mesh: Mesh): ReadonlyMap<string, TcpListenerPort> => {
  const all = [...mesh.services.values()]
    .flatMap((service) =>
      service.ports.filter(isOpaque).map((port) => ({ key: `${service.host}:${port.port}`, service, port })),
    )
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = new Set<number>();
  const result = new Map<string, TcpListenerPort>();
  for (const { key, service, port } of all) {
    if (taken.size === TCP_RANGE_SIZE) break;
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
