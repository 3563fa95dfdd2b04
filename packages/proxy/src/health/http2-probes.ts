import { type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { HttpProbe } from '@weft/traffic/health-check/health-check-config';
import type { CheckResult } from '@weft/traffic/health-check/host-health';
import { probeHeaders, resultOf } from './http-check.ts';

type Finish = (result: CheckResult) => void;

export const askHttp2 = (socket: Socket, probe: HttpProbe, authority: string, finish: Finish): void => {
  const { method, path } = probe;
  const stream = open(
    socket,
    { ':method': method, ':path': path, ':authority': authority, ...probeHeaders(probe) },
    finish,
  );
  stream.on('response', (headers) => finish(resultOf(probe, Number(headers[':status']))));
  stream.end();
};

const SERVING = 1;
const MAX_ANSWER_BYTES = 1024;

/** `grpc.health.v1.Health/Check`: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export const askGrpc = (socket: Socket, service: string, authority: string, finish: Finish): void => {
  const stream = open(
    socket,
    {
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      ':authority': authority,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'Envoy/HC',
    },
    finish,
  );
  let answer: Buffer = Buffer.alloc(0);
  let status = '';
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) finish('failure');
    status = String(headers['grpc-status'] ?? '');
  });
  stream.on('trailers', (headers) => {
    status = String(headers['grpc-status'] ?? '');
  });
  stream.on('data', (bytes: Buffer) => {
    answer = Buffer.concat([answer, bytes]);
    if (answer.length > MAX_ANSWER_BYTES) finish('failure');
  });
  // Trailers are told before `close`.
  stream.on('close', () => finish(status === '0' && servingStatus(answer) === SERVING ? 'success' : 'failure'));
  stream.end(healthRequest(service));
};

const open = (socket: Socket, headers: OutgoingHttpHeaders, finish: Finish): ClientHttp2Stream => {
  const session = connect('http://check', { createConnection: () => socket });
  session.on('error', () => finish('network'));
  // Of a server that shuts down: it would not serve a request either.
  session.on('goaway', () => finish('network'));
  const stream = session.request(headers);
  stream.on('error', () => finish('network'));
  return stream;
};

/** A HealthCheckRequest (field 1: service) in gRPC's length-prefixed form. */
const healthRequest = (service: string): Buffer => {
  const name = Buffer.from(service);
  const length: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) break;
  }
  const message = name.length === 0 ? name : Buffer.concat([Buffer.of(0x0a, ...length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** HealthCheckResponse has one field, the status; 0 (unknown) is left out. */
const servingStatus = (frame: Buffer): number => (frame.length >= 7 && frame[5] === 0x08 ? (frame[6] as number) : 0);
