import { execFile } from 'node:child_process';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { Probe } from '@weft/model/mesh';
import { grpcHealth } from './grpc-health.ts';
import type { Check } from './prober.ts';

/** Where a container's probes go. */
export interface ProbeTarget {
  readonly host: string;
  /** The application's own port for a container port's number or name. */
  port(port: number | string): number;
  /** For `exec`. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Carries out probes with real sockets and processes. */
export const checkTarget =
  (target: ProbeTarget): Check =>
  (probe, signal) => {
    const timeoutMs = probe.timeoutSeconds * 1000;
    const { action } = probe;
    switch (action.kind) {
      case 'http':
        return checkHttp(target, action, timeoutMs, signal);
      case 'tcp':
        return checkTcp(target.host, target.port(action.port), timeoutMs, signal);
      case 'exec':
        return checkExec(target, action.command, timeoutMs, signal);
      case 'grpc':
        return grpcHealth(target.host, target.port(action.port), action.service, timeoutMs, signal);
    }
  };

type HttpAction = Extract<Probe['action'], { kind: 'http' }>;

/** Any status from 200 to 399 is a success, as for the kubelet. */
const checkHttp = (target: ProbeTarget, action: HttpAction, timeoutMs: number, signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => {
    const port = target.port(action.port);
    const req = request(
      {
        host: target.host,
        port,
        path: action.path,
        headers: {
          'user-agent': 'kube-probe/weft',
          ...Object.fromEntries(action.headers.map((h) => [h.name, h.value])),
        },
        // One of its own: the global agent may have been told to use a proxy.
        agent: new Agent({ keepAlive: false }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      },
      (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve(status >= 200 && status < 400 ? '' : `${action.path} answers ${status}`);
      },
    );
    req.once('error', (error) => resolve(explain(error, timeoutMs)));
    req.end();
  });

export const checkTcp = (host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    socket.once('connect', () => {
      socket.destroy();
      resolve('');
    });
    socket.once('error', (error) => resolve(explain(error, timeoutMs)));
  });

const checkExec = (
  target: ProbeTarget,
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string> =>
  new Promise((resolve) => {
    const [file, ...args] = command;
    if (file === undefined) return resolve('the probe has no command');
    const options = {
      cwd: target.cwd,
      env: { ...target.env },
      timeout: timeoutMs,
      signal,
      killSignal: 'SIGKILL',
    } as const;
    execFile(file, args, options, (error) => resolve(error ? (error.message.split('\n')[0] as string) : ''));
  });

const explain = (error: NodeJS.ErrnoException, timeoutMs: number): string =>
  error.name === 'AbortError' || error.name === 'TimeoutError'
    ? `no answer in ${timeoutMs} ms`
    : (error.code ?? error.message);
