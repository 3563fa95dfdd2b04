import type { Pod, Protocol, ServicePort } from '@weft/model/mesh';

const HTTP: ReadonlySet<Protocol> = new Set(['http', 'http2', 'grpc', 'grpc-web', 'auto']);

/** Whether requests to a port are routed as HTTP; a protocol to be detected counts as HTTP. */
export const isHttp = (protocol: Protocol): boolean => HTTP.has(protocol);

/** Whether bytes to a port are forwarded as they are. UDP goes by no proxy. */
export const isTcp = (protocol: Protocol): boolean => !HTTP.has(protocol) && protocol !== 'udp';

/** The port of a pod that a service's port leads to; undefined where the pod has no container port of that name. */
export const targetPortOf = (port: ServicePort, pod: Pod): number | undefined =>
  typeof port.targetPort === 'number'
    ? port.targetPort || port.port
    : pod.ports.find((p) => p.name === port.targetPort)?.port;
