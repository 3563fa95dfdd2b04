import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Clock } from '@weft/base/clock';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Place {
  readonly host: string;
  readonly port: number;
}

export const placeOf = (url: URL): Place => ({
  // An IPv6 address has brackets in a URL and none in a socket.
  host: url.hostname.replace(/^\[|\]$/g, ''),
  port: Number(url.port || 80),
});

/** `NO_PROXY` as curl reads it: names with their subdomains, `*` for all, perhaps with a port. */
const isDirect = ({ host, port }: Place, list: string): boolean =>
  list.split(/[\s,]+/).some((entry) => {
    if (entry === '') return false;
    const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry.replace(/^\*?\./, '')) as RegExpExecArray;
    if (only !== undefined && Number(only) !== port) return false;
    return name === '*' || host === name || host.endsWith(`.${name}`);
  });

/** The proxy for this URL by `http_proxy` and `no_proxy`, as on a laptop the sidecar is one. Null: go there directly. */
export const proxyFor = (url: URL, env: Environment): Place | null => {
  const proxy = env.http_proxy ?? env.HTTP_PROXY;
  if (!proxy || isDirect(placeOf(url), env.no_proxy ?? env.NO_PROXY ?? '')) return null;
  return placeOf(new URL(proxy.includes('://') ? proxy : `http://${proxy}`));
};

export class ConnectTimeoutError extends Error {
  readonly code = 'ETIMEDOUT';
  readonly syscall = 'connect';
  constructor({ host, port }: Place, timeoutMs: number) {
    super(`no connection to ${host}:${port} in ${timeoutMs} ms`);
    this.name = 'ConnectTimeoutError';
  }
}

/** A socket that is connected in time, or is destroyed with a `ConnectTimeoutError`. Looking the name up counts. */
export const connectInTime = (place: Place, timeoutMs: number, clock: Clock): Socket => {
  const socket = connect({ ...place, noDelay: true });
  const timer = clock.setTimer(timeoutMs, () => socket.destroy(new ConnectTimeoutError(place, timeoutMs)));
  socket.once('connect', () => timer.cancel());
  socket.once('close', () => timer.cancel());
  return socket;
};

/** A connection to the URL's host, in a tunnel if a proxy is in the way. */
export const openTunnel = (url: URL, timeoutMs: number, clock: Clock, env: Environment): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const place = placeOf(url);
    const proxy = proxyFor(url, env);
    const socket = connectInTime(proxy ?? place, timeoutMs, clock);
    socket.once('error', reject);
    if (!proxy) {
      socket.once('connect', () => resolve(socket));
      return;
    }
    const authority = `${url.hostname}:${place.port}`;
    const tunnel = request({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      createConnection: () => socket,
    });
    tunnel.once('connect', (response, tunnelled: Socket, head) => {
      // The far end may have spoken already: an HTTP/2 server begins with its settings.
      if (head.length > 0) tunnelled.unshift(head);
      if (response.statusCode === 200) resolve(tunnelled);
      else tunnelled.destroy(new Error(`the proxy answers ${response.statusCode} to CONNECT ${authority}`));
    });
    tunnel.once('response', (response) => {
      socket.destroy(new Error(`the proxy answers ${response.statusCode} to CONNECT ${authority}`));
    });
    tunnel.once('error', reject);
    tunnel.end();
  });

/** Whether nothing of a request can have been sent: repeating it is safe, whatever it does. */
export const isConnectFailure = (error: unknown): boolean => {
  const { syscall, errors } = error as { syscall?: string; errors?: readonly unknown[] };
  return syscall === 'connect' || syscall === 'getaddrinfo' || (errors?.every(isConnectFailure) ?? false);
};
