// As http1-hop, all of it HTTP/2: 8 connections with 16 streams each, and an application that speaks HTTP/2.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rowsOf } from './http1-hop.ts';
import { startBenchMesh, startUpstream, type Subject, subjects } from './lib/mesh.ts';
import { http2, measureBy, type Point } from './lib/measure.ts';
import type { PairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.9.1';
const CLIENT = '127.201.9.10';
const SERVER = '127.201.9.11';
const PLAIN = '127.201.9.12';
const APP_PORT = 9873;

export const http2Hop = async ({ pairs, seconds }: BenchOptions): Promise<PairedRow[]> => {
  const pods = [
    { name: 'client', ip: CLIENT, appPort: APP_PORT, sidecar: true },
    { name: 'server', ip: SERVER, appPort: APP_PORT, sidecar: true },
    { name: 'plain', ip: PLAIN, appPort: 8080, sidecar: false },
  ];
  const upstreams = [await startUpstream('127.0.0.1', APP_PORT, true), await startUpstream(PLAIN, 8080, true)];
  const dir = mkdtempSync(join(tmpdir(), 'weft-http2-hop-'));
  const mesh = await startBenchMesh([withPortName('http2', dir)], pods, CONTROL_PLANE);
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
            const point = await measureBy(`${subject} ${direction}`, sidecar.pids, http2(url, host), seconds);
            points[direction][subject].push(point);
          } finally {
            await sidecar.stop();
          }
        }
      }
    }
  } finally {
    await mesh.stop();
    for (const upstream of upstreams) await upstream.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  return (['inbound', 'outbound'] as const).flatMap((direction) =>
    rowsOf(`http2-hop ${direction}`, points[direction], '≤ 0.4', '8 connections × 16 streams'),
  );
};

/** The benchmarks' mesh with its ports speaking another protocol, as their names say, and POST allowed; a file in `dir`. */
export const withPortName = (name: string, dir: string): string => {
  const file = join(dir, 'mesh.yaml');
  const mesh = readFileSync(join(import.meta.dirname, 'mesh/mesh.yaml'), 'utf8');
  writeFileSync(
    file,
    mesh
      .replaceAll('- name: http\n', `- name: ${name}\n`)
      .replaceAll('methods: [GET, HEAD]', 'methods: [GET, HEAD, POST]'),
  );
  return file;
};
