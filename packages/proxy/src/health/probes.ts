import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpProbe, TcpProbe } from '@weft/traffic/health-check/health-check-config';
import type { CheckResult } from '@weft/traffic/health-check/host-health';
import type { TlsStore } from '../context.ts';
import type { Probe } from './health-checker.ts';
import { probeHeaders, resultOf } from './http-check.ts';
import { probeSocket } from './probe-socket.ts';

/** Of an answer to a TCP check, at most so much is looked at. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Asks hosts over connections with the TLS of the cluster. HTTP/2 is loaded with the first check that needs it. */
export const probesOver =
  (tls: TlsStore): Probe =>
  (host, { probe, altPort }, clusterName, done) => {
    let over = false;
    const finish = (result: CheckResult): void => {
      if (over) return;
      over = true;
      socket.destroy();
      done(result);
    };
    const ask = (): void => {
      if (probe.kind === 'tcp') askTcp(socket, probe, finish);
      else if (probe.kind === 'http' && !probe.http2) askHttp(socket, probe, probe.host || clusterName, finish);
      else {
        import('./http2-probes.ts').then(
          ({ askGrpc, askHttp2 }) => {
            if (over) return;
            if (probe.kind === 'grpc') askGrpc(socket, probe.service, probe.authority || clusterName, finish);
            else askHttp2(socket, probe, probe.host || clusterName, finish);
          },
          () => finish('network'),
        );
      }
    };
    const http2 = probe.kind === 'grpc' || (probe.kind === 'http' && probe.http2);
    const socket = probeSocket(host, altPort, http2 ? ['h2'] : [], tls, ask);
    socket.on('error', () => finish('network'));
    socket.on('close', () => finish('network'));
    return () => {
      over = true;
      socket.destroy();
    };
  };

const askHttp = (socket: Socket, probe: HttpProbe, host: string, finish: (result: CheckResult) => void): void => {
  const { method, path } = probe;
  const asked = request({
    createConnection: () => socket,
    method,
    path,
    headers: { host, ...probeHeaders(probe), connection: 'close' },
  });
  asked.on('error', () => finish('network'));
  asked.on('response', ({ statusCode = 0 }) => finish(resultOf(probe, statusCode)));
  asked.end();
};

const askTcp = (socket: Socket, probe: TcpProbe, finish: (result: CheckResult) => void): void => {
  if (probe.send.length > 0) socket.write(probe.send);
  if (probe.receive.length === 0) {
    finish('success');
    return;
  }
  let answer: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    answer = Buffer.concat([answer, bytes]);
    if (holdsInOrder(answer, probe.receive)) finish('success');
    else if (answer.length > MAX_ANSWER_BYTES) finish('failure');
  });
};

/** Envoy's fuzzy match: each part somewhere behind the one before. */
const holdsInOrder = (answer: Buffer, parts: readonly Uint8Array[]): boolean => {
  let at = 0;
  for (const part of parts) {
    const found = answer.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return true;
};
