// One HTTP/1.1 hop in plaintext, the two halves of a sidecar apart: `inbound` (two policies, peer metadata, metrics) and
// `outbound` (host table, header and method matches, a weighted split, retries and timeouts armed, metrics).
import { join } from 'node:path';
import { startBenchMesh, startUpstream, type Subject, subjects } from './lib/mesh.ts';
import { measure, type Point } from './lib/measure.ts';
import { type PairedRow, pairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.7.1';
const CLIENT = '127.201.7.10';
const SERVER = '127.201.7.11';
const PLAIN = '127.201.7.12';
const APP_PORT = 9871;

export const httpHop = async ({ pairs, seconds }: BenchOptions): Promise<PairedRow[]> => {
  const pods = [
    { name: 'client', ip: CLIENT, appPort: APP_PORT, sidecar: true },
    { name: 'server', ip: SERVER, appPort: APP_PORT, sidecar: true },
    { name: 'plain', ip: PLAIN, appPort: 8080, sidecar: false },
  ];
  const upstreams = [await startUpstream('127.0.0.1', APP_PORT), await startUpstream(PLAIN, 8080)];
  const mesh = await startBenchMesh([join(import.meta.dirname, 'mesh/mesh.yaml')], pods, CONTROL_PLANE);
  const points: Record<'inbound' | 'outbound', Record<Subject, Point[]>> = {
    inbound: { weft: [], envoy: [], 'envoy-tuned': [] },
    outbound: { weft: [], envoy: [], 'envoy-tuned': [] },
  };
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (const subject of subjects) {
        for (const [direction, pod, url, host] of [
          ['inbound', 'server', `http://${SERVER}:8080/api/books`, 'server:8080'],
          ['outbound', 'client', `http://${CLIENT}:15001/api/books`, 'plain:8080'],
        ] as const) {
          const sidecar = await mesh.sidecars(subject, [pod]);
          try {
            points[direction][subject].push(await measure(`${subject} ${direction}`, sidecar.pids, url, host, seconds));
          } finally {
            await sidecar.stop();
          }
        }
      }
    }
  } finally {
    await mesh.stop();
    for (const upstream of upstreams) await upstream.stop();
  }
  return (['inbound', 'outbound'] as const).flatMap((direction) =>
    rowsOf(`http1-hop ${direction}`, points[direction], '≤ 0.6'),
  );
};

/** Rows of a point measured on all subjects. */
export const rowsOf = (
  name: string,
  points: Readonly<Record<string, readonly Point[]>> & { readonly weft: readonly Point[] },
  cpuBound: string,
  saturation = '64 connections',
  unit = 'request',
  cpuBoundAtRate = cpuBound,
): PairedRow[] => {
  const peers = Object.entries(points).filter(([subject]) => subject !== 'weft');
  const row = (what: keyof Point, label: string, bound?: string): PairedRow =>
    pairedRow(
      `${name}, ${label}`,
      unit,
      points.weft.map((p) => p[what]),
      Object.fromEntries(peers.map(([name, list]) => [name, list.map((p) => p[what])])),
      bound,
    );
  return [
    row('saturated', `saturated, ${saturation}`, `cpu ${cpuBound}`),
    row('at2000', `2,000 ${unit}s/s`, `cpu ${cpuBoundAtRate}`),
    row('at1000', `1,000 ${unit}s/s`, 'p99 ≤ 1'),
    row('idle', 'memory idle', 'rss ≤ 1.0'),
    row('loaded', 'memory loaded', 'rss ≤ 1.2'),
  ];
};
