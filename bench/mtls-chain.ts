// client → sidecar → mutual TLS → sidecar → application: routing and splitting on the first, two policies on the second,
// metrics and trace headers on both.
import { join } from 'node:path';
import { rowsOf } from './http1-hop.ts';
import { startBenchMesh, startUpstream, type Subject, subjects } from './lib/mesh.ts';
import { measure, type Point } from './lib/measure.ts';
import type { PairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.8.1';
const CLIENT = '127.201.8.10';
const SERVER = '127.201.8.11';
const APP_PORT = 9872;

export const mtlsChain = async ({ pairs, seconds }: BenchOptions): Promise<PairedRow[]> => {
  const upstream = await startUpstream('127.0.0.1', APP_PORT);
  const mesh = await startBenchMesh(
    [join(import.meta.dirname, 'mesh/mesh.yaml'), join(import.meta.dirname, 'mesh/strict.yaml')],
    [
      { name: 'client', ip: CLIENT, appPort: APP_PORT, sidecar: true },
      { name: 'server', ip: SERVER, appPort: APP_PORT, sidecar: true },
    ],
    CONTROL_PLANE,
  );
  const points: Record<Subject, Point[]> = { weft: [], envoy: [], 'envoy-tuned': [] };
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (const subject of subjects) {
        const sidecars = await mesh.sidecars(subject, ['client', 'server']);
        try {
          points[subject].push(
            await measure(
              `${subject} chain`,
              sidecars.pids,
              `http://${CLIENT}:15001/api/books`,
              'server:8080',
              seconds,
            ),
          );
        } finally {
          await sidecars.stop();
        }
      }
    }
  } finally {
    await mesh.stop();
    await upstream.stop();
  }
  return rowsOf('mtls-chain', points, '≤ 0.7');
};
