// Bytes through a sidecar: CPU per GB in bulk, per connection that says 16 bytes and hears them again (of one Envoy's
// inspector cannot tell whether it begins TLS), and per 1 MB of HTTP body.
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { saturate } from './lib/load.ts';
import { startBenchMesh, type Subject, subjects } from './lib/mesh.ts';
import { cpuUs, memoryMb, start, until } from './lib/process.ts';
import { type Figures, type PairedRow, pairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.11.1';
const SERVER = '127.201.11.11';
const WEB = '127.201.11.12';
const APP_PORT = 9874;
const WEB_PORT = 9875;
const GB = 1_000_000_000;
/** Half of it each way. */
const BYTES = GB;
const STREAMS = 4;
const CONNECTIONS = 4000;
const AT_ONCE = 16;

const kinds = ['bytes', 'connections', '1 MB bodies'] as const;
type Kind = (typeof kinds)[number];
const units: Record<Kind, string> = { bytes: 'GB', connections: 'connection', '1 MB bodies': 'request' };

export const tcp = async ({ pairs, seconds }: BenchOptions): Promise<PairedRow[]> => {
  const app = start(1, process.execPath, [
    join(import.meta.dirname, 'tcp/app.ts'),
    '127.0.0.1',
    String(APP_PORT),
    String(WEB_PORT),
  ]);
  const mesh = await startBenchMesh(
    [join(import.meta.dirname, 'mesh/tcp.yaml')],
    [
      { name: 'server', ip: SERVER, appPort: APP_PORT, sidecar: true },
      { name: 'web', ip: WEB, appPort: WEB_PORT, sidecar: true },
    ],
    CONTROL_PLANE,
  );
  const figures = Object.fromEntries(
    kinds.map((kind) => [kind, Object.fromEntries(subjects.map((subject) => [subject, [] as Figures[]]))]),
  ) as Record<Kind, Record<Subject, Figures[]>>;
  try {
    for (let pair = 0; pair < pairs; pair++)
      for (const subject of subjects) {
        for (const kind of kinds) {
          const sidecar = await mesh.sidecars(subject, [kind === '1 MB bodies' ? 'web' : 'server']);
          try {
            figures[kind][subject].push(await measureKind(kind, sidecar.pids, seconds));
          } finally {
            await sidecar.stop();
          }
        }
      }
  } finally {
    await mesh.stop();
    await app.stop();
  }
  return kinds.map((kind) => {
    const { weft, ...peers } = figures[kind];
    return pairedRow(`tcp ${kind}`, units[kind], weft, peers, 'cpu ≤ 1.2');
  });
};

const measureKind = async (kind: Kind, pids: readonly number[], seconds: number): Promise<Figures> => {
  const run = { bytes, connections, '1 MB bodies': (scale: number) => bodies(seconds * scale) }[kind];
  await until('the application behind the sidecar', () => answers(kind === '1 MB bodies' ? WEB : SERVER));
  await run(0.2); // warm up
  const before = cpuUs(pids);
  const units = await run(1);
  const cpuUsPerUnit = (cpuUs(pids) - before) / units;
  const { rss, pss } = memoryMb(pids);
  return { cpuUsPerUnit, rssMb: rss, pssMb: pss, p50Ms: Number.NaN, p99Ms: Number.NaN };
};

const answers = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(8080, address, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('data', () => finish(true));
    socket.on('error', () => finish(false));
    socket.on('close', () => resolve(false));
    const finish = (ok: boolean): void => {
      resolve(ok);
      socket.destroy();
    };
    setTimeout(() => socket.end(), 100);
  });

/** Half from the server, half to it, over a few connections. */
const bytes = async (scale: number): Promise<number> => {
  const each = Math.round((BYTES * scale) / 2 / STREAMS);
  await Promise.all(Array.from({ length: STREAMS }, () => receive(each)));
  await Promise.all(Array.from({ length: STREAMS }, () => send(each)));
  return (each * 2 * STREAMS) / GB;
};

const receive = (count: number): Promise<void> => {
  let left = count;
  const ask = Buffer.alloc(8);
  ask.writeBigUInt64BE(BigInt(count));
  const buffer = Buffer.allocUnsafe(256 * 1024);
  return finished(
    connect({
      host: SERVER,
      port: 8080,
      onread: { buffer, callback: (length) => ((left -= length), true) },
    }),
    (socket) => socket.write(ask),
    () => left === 0,
  );
};

const send = (count: number): Promise<void> => {
  const block = Buffer.alloc(256 * 1024, 'y');
  let left = count;
  let acknowledged = false;
  return finished(
    connect({ host: SERVER, port: 8080 }),
    (socket) => {
      socket.on('data', () => (acknowledged = true));
      const write = (): void => {
        while (left > 0) {
          const part = left >= block.length ? block : block.subarray(0, left);
          left -= part.length;
          if (!socket.write(part)) return void socket.once('drain', write);
        }
        socket.end();
      };
      write();
    },
    () => acknowledged,
  );
};

/** Rejects unless the connection ended as it should. */
const finished = (socket: Socket, begin: (socket: Socket) => void, whole: () => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.on('connect', () => begin(socket));
    socket.on('error', reject);
    socket.on('close', () => (whole() ? resolve() : reject(new Error('a connection ended early'))));
    socket.resume();
  });

const connections = async (scale: number): Promise<number> => {
  let left = Math.round(CONNECTIONS * scale);
  const count = left;
  const one = (): Promise<void> => {
    let heard = 0;
    return finished(
      connect({ host: SERVER, port: 8080, noDelay: true }),
      (socket) => {
        socket.on('data', (data: Buffer) => (heard += data.length));
        socket.write('sixteen bytes...');
      },
      () => heard === 16,
    );
  };
  const worker = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return count;
};

const bodies = async (seconds: number): Promise<number> => {
  const load = await saturate(`http://${WEB}:8080/`, 'web:8080', Math.max(1, Math.round(seconds)), 8);
  if (load.errors > 0) throw new Error(`${load.errors} of ${load.requests} requests failed; the run does not count`);
  return load.requests;
};
