// Memory of idle connections of clients: each asked for something once and stays. Plaintext and mutual TLS, 5,000 each;
// then whether 10,000 are held by ours and still answer.
import { join } from 'node:path';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { type BenchCertificate, certificateFor } from './lib/certificates.ts';
import { startBenchMesh, startUpstream } from './lib/mesh.ts';
import { memoryMb, sleep } from './lib/process.ts';
import { type Figures, type PairedRow, pairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.10.1';
const SERVER = '127.201.10.11';
const APP_PORT = 9873;
const CONNECTIONS = 5000;
const HELD = 10_000;
/** Idle means idle: what a collector of garbage or an allocator gives back, it gives back by then. */
const SETTLE_MS = 12_000;
/** Handshakes under way at once. */
const AT_ONCE = 100;

const REQUEST = 'GET /api/books HTTP/1.1\r\nhost: server:8080\r\n\r\n';

/** Connects, asks, and resolves when the whole answer is there. */
const open = (certificate: BenchCertificate | null): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = certificate
      ? tlsConnect({
          host: SERVER,
          port: 8080,
          ...certificate,
          ALPNProtocols: ['istio'],
          checkServerIdentity: () => undefined,
        })
      : connect({ host: SERVER, port: 8080 });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
    socket.once(certificate ? 'secureConnect' : 'connect', () => socket.write(REQUEST));
    let text = '';
    const onData = (bytes: Buffer): void => {
      text += bytes.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      if (head === -1 || text.length < head + 4 + 1024) return;
      socket.off('data', onData);
      if (text.startsWith('HTTP/1.1 200')) resolve(socket);
      else reject(new Error(text.slice(0, 80)));
    };
    socket.on('data', onData);
  });

const openMany = async (count: number, certificate: BenchCertificate | null): Promise<Socket[]> => {
  const sockets: Socket[] = [];
  while (sockets.length < count)
    sockets.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => open(certificate)),
      )),
    );
  return sockets;
};

const closeAll = async (sockets: Socket[]): Promise<void> => {
  for (const socket of sockets) socket.removeAllListeners('close').destroy();
  await sleep(500);
};

export const idleConnections = async ({ pairs }: BenchOptions): Promise<PairedRow[]> => {
  const upstream = await startUpstream('127.0.0.1', APP_PORT);
  const mesh = await startBenchMesh(
    [join(import.meta.dirname, 'mesh/mesh.yaml')],
    [{ name: 'server', ip: SERVER, appPort: APP_PORT, sidecar: true }],
    CONTROL_PLANE,
  );
  const kinds = { plaintext: null, 'mutual TLS': certificateFor(mesh.stateDir, 'client') };
  const figures = new Map<string, { weft: Figures[]; envoy: Figures[] }>();
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (const subject of ['weft', 'envoy'] as const) {
        for (const [kind, certificate] of Object.entries(kinds)) {
          const sidecar = await mesh.sidecars(subject, ['server']);
          try {
            await closeAll(await openMany(AT_ONCE, certificate)); // warm up
            const before = memoryMb(sidecar.pids);
            const sockets = await openMany(CONNECTIONS, certificate);
            await sleep(SETTLE_MS);
            const after = memoryMb(sidecar.pids);
            const each = ((after.rss - before.rss) * 1024) / CONNECTIONS;
            const row = figures.get(kind) ?? { weft: [], envoy: [] };
            figures.set(kind, row);
            row[subject].push({
              cpuUsPerUnit: Number.NaN,
              rssMb: each,
              pssMb: ((after.pss - before.pss) * 1024) / CONNECTIONS,
              p50Ms: Number.NaN,
              p99Ms: Number.NaN,
            });
            if (subject === 'weft' && pair === 0) {
              sockets.push(...(await openMany(HELD - CONNECTIONS, certificate)));
              await sleep(1000);
              const open = sockets.filter((s) => !s.destroyed).length;
              if (open !== HELD) throw new Error(`${HELD - open} of ${HELD} idle connections were closed`);
              await closeAll(await openMany(1, certificate));
              console.log(
                `${kind}: ${HELD} idle connections held, ${memoryMb(sidecar.pids).rss.toFixed(0)} MB in all, and the next is answered`,
              );
            }
            await closeAll(sockets);
          } finally {
            await sidecar.stop();
          }
        }
      }
    }
  } finally {
    await mesh.stop();
    await upstream.stop();
  }
  return [...figures].map(([kind, { weft, envoy }]) =>
    pairedRow(`idle connection, ${kind} (KB each, shown as MB)`, 'connection', weft, { envoy }, 'rss ≤ 0.4'),
  );
};
