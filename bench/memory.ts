// Memory of a sidecar with 1,000 services × 10 endpoints configured, after 100 updates of one of them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchPod, startBenchMesh } from './lib/mesh.ts';
import { memoryMb, sleep, until } from './lib/process.ts';
import { type Figures, type PairedRow, pairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.9.1';
const CLIENT = '127.201.9.10';
const SERVICES = 1000;
const ENDPOINTS = 10;
const UPDATES = 100;

const manifestsOf = (services: number): string =>
  Array.from({ length: services }, (_, i) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `svc-${i}`, namespace: 'bench' },
      spec: { selector: { app: `svc-${i}` }, ports: [{ name: 'http', port: 8080 }] },
    }),
  ).join('\n---\n');

export const memory = async ({ pairs }: BenchOptions): Promise<PairedRow[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-memory-'));
  const manifest = join(dir, 'services.yaml');
  writeFileSync(manifest, manifestsOf(SERVICES));
  const pods: BenchPod[] = [{ name: 'client', ip: CLIENT, appPort: 9, sidecar: true }];
  for (let s = 0; s < SERVICES; s++)
    for (let e = 0; e < ENDPOINTS; e++)
      pods.push({
        name: `svc-${s}-${e}`,
        app: `svc-${s}`,
        ip: `127.${202 + (s >> 8)}.${s & 255}.${e + 1}`,
        appPort: 9,
        sidecar: true,
      });
  const figures: Record<'weft' | 'envoy', Figures[]> = { weft: [], envoy: [] };
  const mesh = await startBenchMesh([join(import.meta.dirname, 'mesh/mesh.yaml'), manifest], pods, CONTROL_PLANE);
  try {
    for (let pair = 0; pair < pairs; pair++) {
      for (const subject of ['weft', 'envoy'] as const) {
        const sidecar = await mesh.sidecars(subject, ['client']);
        try {
          await until(
            'all clusters there',
            async () =>
              (await (await fetch(`http://${CLIENT}:15000/clusters`)).text()).includes(`svc-${SERVICES - 1}.`),
            60_000,
          );
          const podsFile = join(mesh.stateDir, 'run/pods.json');
          const list = JSON.parse(readFileSync(podsFile, 'utf8')) as {
            items: { metadata: { name: string }; status: { podIP: string } }[];
          };
          for (let update = 0; update < UPDATES; update++) {
            const item = list.items[1 + update * 7];
            if (item) item.status.podIP = item.status.podIP.replace(/\.\d+$/, `.${100 + (update % 100)}`);
            writeFileSync(podsFile, JSON.stringify(list), { mode: 0o600 });
            await sleep(100);
          }
          const { rss, pss } = memoryMb(sidecar.pids);
          figures[subject].push({
            cpuUsPerUnit: Number.NaN,
            rssMb: rss,
            pssMb: pss,
            p50Ms: Number.NaN,
            p99Ms: Number.NaN,
          });
        } finally {
          await sidecar.stop();
        }
      }
    }
  } finally {
    await mesh.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  return [
    pairedRow(
      `memory with ${SERVICES} services × ${ENDPOINTS} endpoints, ${UPDATES} updates`,
      'update',
      figures.weft,
      { envoy: figures.envoy },
      'rss ≤ 0.6',
    ),
  ];
};
