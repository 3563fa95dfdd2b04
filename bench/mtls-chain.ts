// client → sidecar → mutual TLS → sidecar → application: routing and splitting on the first, two policies on the second,
// metrics and trace headers on both. Ours speak HTTP/2 to each other; Envoy is measured with HTTP/1.1 between, which is
// Istio's default, and with HTTP/2 (`h2UpgradePolicy: UPGRADE`), and the cheapest of all counts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rowsOf } from './http1-hop.ts';
import { type BenchMesh, startBenchMesh, startUpstream, type Subject, subjects } from './lib/mesh.ts';
import { measure, type Point } from './lib/measure.ts';
import type { PairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const APP_PORT = 9872;
const manifests = join(import.meta.dirname, 'mesh');

export const mtlsChain = async ({ pairs, seconds }: BenchOptions): Promise<PairedRow[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-mtls-chain-'));
  const upstream = await startUpstream('127.0.0.1', APP_PORT);
  const plain = await startChain(join(manifests, 'mesh.yaml'), '127.201.8');
  const upgraded = await startChain(upgradedMesh(dir), '127.202.8');
  const points: Record<'weft' | 'envoy' | 'envoy-tuned' | 'envoy-h2' | 'envoy-tuned-h2', Point[]> = {
    weft: [],
    envoy: [],
    'envoy-tuned': [],
    'envoy-h2': [],
    'envoy-tuned-h2': [],
  };
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (const subject of subjects) {
        points[subject].push(await measureChain(plain, subject, seconds));
        if (subject !== 'weft') points[`${subject}-h2`].push(await measureChain(upgraded, subject, seconds));
      }
    }
  } finally {
    await plain.mesh.stop();
    await upgraded.mesh.stop();
    await upstream.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  return rowsOf('mtls-chain', points, '≤ 0.4', '64 connections', 'request', '≤ 0.5');
};

interface Chain {
  readonly mesh: BenchMesh;
  readonly client: string;
}

/** `block`: the first three numbers of the addresses. */
const startChain = async (manifest: string, block: string): Promise<Chain> => {
  const client = `${block}.10`;
  const mesh = await startBenchMesh(
    [manifest, join(manifests, 'strict.yaml')],
    [
      { name: 'client', ip: client, appPort: APP_PORT, sidecar: true },
      { name: 'server', ip: `${block}.11`, appPort: APP_PORT, sidecar: true },
    ],
    `${block}.1`,
  );
  return { mesh, client };
};

const measureChain = async ({ mesh, client }: Chain, subject: Subject, seconds: number): Promise<Point> => {
  const sidecars = await mesh.sidecars(subject, ['client', 'server']);
  try {
    return await measure(`${subject} chain`, sidecars.pids, `http://${client}:15001/api/books`, 'server:8080', seconds);
  } finally {
    await sidecars.stop();
  }
};

/** The mesh with HTTP/2 to `server`; a file in `dir`. */
const upgradedMesh = (dir: string): string => {
  const file = join(dir, 'mesh.yaml');
  const host = '  host: server\n';
  const mesh = readFileSync(join(manifests, 'mesh.yaml'), 'utf8');
  if (!mesh.includes(host)) throw new Error('mesh.yaml has no DestinationRule of server');
  const policy = '  trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }\n';
  writeFileSync(file, mesh.replace(host, `${host}${policy}`));
  return file;
};
