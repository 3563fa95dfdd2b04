import type { Mesh, Service, ServicePort } from '@weft/model/mesh';
import { proxyPorts, tcpListenerPorts } from '@weft/model/proxy-ports';
import { expand } from './expand.ts';
import type { ContainerPlan, ReplicaPlan } from './replica-plan.ts';

export interface AppEnvironmentInput {
  readonly replica: ReplicaPlan;
  readonly container: ContainerPlan;
  readonly mesh: Mesh;
  readonly address: string;
  /** The application's own ports, by container port. */
  readonly appPorts: Readonly<Record<number, number>>;
  /** Of weft itself; its PATH gets `nodeDirectory` in front. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly nodeDirectory: string;
}

/**
 * The environment of an application: ours, then what a sidecar on a laptop needs, then the container's own `env`, which
 * wins. Without a sidecar the application listens at the pod's address itself, and calls directly.
 */
export const appEnvironment = (input: AppEnvironmentInput): Record<string, string> => {
  const { replica, container, address, appPorts, inherited, nodeDirectory } = input;
  const meshed = replica.dataPlane !== 'none';
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) if (value !== undefined && !isOurs(name)) env[name] = value;
  env.PATH = inherited.PATH ? `${nodeDirectory}:${inherited.PATH}` : nodeDirectory;
  env.HOST = meshed ? '127.0.0.1' : address;
  for (const [index, port] of container.ports.entries()) {
    const own = String(meshed ? appPorts[port.port] : port.port);
    if (index === 0) env.PORT = own;
    if (port.name !== '') env[`PORT_${variableName(port.name)}`] = own;
  }
  env.POD_NAME = replica.pod;
  env.POD_NAMESPACE = replica.namespace;
  env.POD_IP = address;
  Object.assign(env, serviceVariables(input));
  if (meshed) Object.assign(env, proxyVariables(address));
  for (const { name, value, fieldPath } of container.env)
    env[name] = fieldPath === undefined ? expand(value, env) : fieldOf(fieldPath, replica, address);
  return env;
};

/** What makes HTTP clients go through the sidecar: curl, Python, Go and, told so, Node. */
const proxyVariables = (address: string): Record<string, string> => ({
  HTTP_PROXY: `http://${address}:${proxyPorts.outbound}`,
  http_proxy: `http://${address}:${proxyPorts.outbound}`,
  NO_PROXY: 'localhost,127.0.0.1',
  no_proxy: 'localhost,127.0.0.1',
  NODE_USE_ENV_PROXY: '1',
  WEFT_READY_URL: `http://${address}:${proxyPorts.health}/healthz/ready`,
});

/** npm's variables are about weft's own start; a proxy of the machine would lead around the sidecar. */
const isOurs = (name: string): boolean => /^(npm_.*|INIT_CWD|NODE_OPTIONS|WEFT_.*|https?_proxy|no_proxy)$/i.test(name);

/**
 * `X_SERVICE_HOST` and `X_SERVICE_PORT` of each service, as Kubernetes sets them for the pod's own namespace; services
 * of other namespaces follow where the name is free. HTTP goes by name through the proxy; a TCP service is the
 * sidecar's listener for it at the pod's address (the service's host and port where there is no sidecar).
 */
const serviceVariables = ({ mesh, replica, address }: AppEnvironmentInput): Record<string, string> => {
  const env: Record<string, string> = {};
  const tcp = tcpListenerPorts(mesh);
  const place = (service: Service, port: ServicePort): { host: string; port: number } => {
    const listener = tcp.get(`${service.host}:${port.port}`);
    return listener && replica.dataPlane !== 'none'
      ? { host: address, port: listener.listen }
      : { host: service.host, port: port.port };
  };
  const own = (s: Service): number => (s.namespace === replica.namespace ? 0 : 1);
  const services = [...mesh.services.values()].sort((a, b) => own(a) - own(b) || (a.host < b.host ? -1 : 1));
  for (const service of services) {
    const name = variableName(service.name);
    const first = service.ports[0];
    if (!first || env[`${name}_SERVICE_HOST`] !== undefined) continue;
    const { host, port } = place(service, first);
    env[`${name}_SERVICE_HOST`] = host;
    env[`${name}_SERVICE_PORT`] = String(port);
    for (const named of service.ports)
      if (named.name !== '')
        env[`${name}_SERVICE_PORT_${variableName(named.name)}`] = String(place(service, named).port);
  }
  return env;
};

/** The downward API: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/. Empty where a laptop has no such thing. */
const fieldOf = (
  path: string,
  { pod, namespace, serviceAccount, labels, annotations }: ReplicaPlan,
  address: string,
): string => {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return (keyed[1] === 'labels' ? labels : annotations)[keyed[2] as string] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod,
    'metadata.namespace': namespace,
    'spec.serviceAccountName': serviceAccount,
    'spec.nodeName': 'localhost',
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': '127.0.0.1',
  };
  return fields[path] ?? '';
};

const variableName = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
