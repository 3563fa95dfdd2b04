// gRPC through one hop: `grpc-unary`, calls with a message of 1 KB each way (h2load, 8 connections × 16 calls), and `grpc-stream`, 128
// open streams that send messages of 1 KB back and forth. The application and the stream generator run on the proxy's own codec.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rowsOf } from './http1-hop.ts';
import { withPortName } from './http2-hop.ts';
import type { StreamLoad } from './lib/grpc-streams.ts';
import type { Load } from './lib/load.ts';
import { startBenchMesh, type Subject, subjects } from './lib/mesh.ts';
import { type Generator, http2, measureBy, type Point } from './lib/measure.ts';
import { type Running, start, until } from './lib/process.ts';
import type { PairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const run = promisify(execFile);
const CONTROL_PLANE = '127.201.11.1';
const CLIENT = '127.201.11.10';
const SERVER = '127.201.11.11';
const PLAIN = '127.201.11.12';
const APP_PORT = 9875;
const LOAD_CORE = 1;
const PATH = '/api/echo';
/** A message, its prefix included. */
const MESSAGE_BYTES = 1024;

/** The generators for a listener, of which `body` is a file with one message. */
type Way = (address: string, port: number, host: string, body: string) => Generator;

const calls: Way = (address, port, host, body) =>
  http2(`http://${address}:${port}${PATH}`, host, {
    headers: ['content-type: application/grpc', 'te: trailers'],
    body,
  });

const streams: Way = (address, port, host, body) => {
  const messages = async (seconds: number, rate: number): Promise<Load> => {
    const load: StreamLoad = {
      ...{ address, port, host, path: PATH, seconds, rate },
      ...{ connections: 8, streams: 16, bytes: MESSAGE_BYTES },
    };
    const script = join(import.meta.dirname, 'lib/grpc-streams.ts');
    const { stdout } = await run('taskset', ['-c', String(LOAD_CORE), process.execPath, script, JSON.stringify(load)]);
    return JSON.parse(stdout) as Load;
  };
  return {
    check: () => calls(address, port, host, body).check(),
    saturate: (seconds) => messages(seconds, 0),
    atRate: (rate, seconds) => messages(seconds, rate),
  };
};

const startApp = async (address: string, port: number): Promise<Running> => {
  const script = join(import.meta.dirname, 'lib/grpc-app.ts');
  const app = start(LOAD_CORE, process.execPath, [script, address, String(port)]);
  await until('the application', () => connects(address, port));
  return app;
};

const connects = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

const grpc = async (name: string, way: Way, unit: string, { pairs, seconds }: BenchOptions): Promise<PairedRow[]> => {
  const pods = [
    { name: 'client', ip: CLIENT, appPort: APP_PORT, sidecar: true },
    { name: 'server', ip: SERVER, appPort: APP_PORT, sidecar: true },
    { name: 'plain', ip: PLAIN, appPort: 8080, sidecar: false },
  ];
  const apps = [await startApp('127.0.0.1', APP_PORT), await startApp(PLAIN, 8080)];
  const dir = mkdtempSync(join(tmpdir(), 'weft-grpc-'));
  const body = join(dir, 'message');
  const message = Buffer.alloc(MESSAGE_BYTES, 'x');
  message[0] = 0;
  message.writeUInt32BE(MESSAGE_BYTES - 5, 1);
  writeFileSync(body, message);
  const mesh = await startBenchMesh([withPortName('grpc', dir)], pods, CONTROL_PLANE);
  const points: Record<'inbound' | 'outbound', Record<Subject, Point[]>> = {
    inbound: { weft: [], envoy: [], 'envoy-tuned': [] },
    outbound: { weft: [], envoy: [], 'envoy-tuned': [] },
  };
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (const subject of subjects) {
        for (const [direction, pod, address, port, host] of [
          ['inbound', 'server', SERVER, 8080, 'server:8080'],
          ['outbound', 'client', CLIENT, 15001, 'plain:8080'],
        ] as const) {
          const sidecar = await mesh.sidecars(subject, [pod]);
          try {
            const generator = way(address, port, host, body);
            points[direction][subject].push(
              await measureBy(`${subject} ${direction}`, sidecar.pids, generator, seconds),
            );
          } finally {
            await sidecar.stop();
          }
        }
      }
    }
  } finally {
    await mesh.stop();
    for (const app of apps) await app.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  return (['inbound', 'outbound'] as const).flatMap((direction) =>
    rowsOf(`${name} ${direction}`, points[direction], '≤ 0.4', '8 connections × 16 streams', unit),
  );
};

export const grpcUnary = (options: BenchOptions): Promise<PairedRow[]> => grpc('grpc-unary', calls, 'call', options);

/** The client's route has a timeout of 10 s, which a stream must not meet. */
export const grpcStream = (options: BenchOptions): Promise<PairedRow[]> =>
  grpc('grpc-stream', streams, 'message', { ...options, seconds: Math.min(options.seconds, 8) });
