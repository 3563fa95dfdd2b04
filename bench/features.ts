// What each feature adds to a request, in CPU time of the proxy: one process with a listener for each, asked in short turns
// (so that the machine's moods meet all of them alike), saturated by 64 connections. No peer: a row of steps.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proxyEnvironment, proxyNodeFlags } from '@weft/proxy/process-settings';
import { build } from 'esbuild';
import { features as all, type Feature } from './features/features.ts';
import { saturate } from './lib/load.ts';
import { startUpstream } from './lib/mesh.ts';
import { cpuUs, memoryMb, start, until } from './lib/process.ts';
import { median } from './lib/report.ts';
import { type StepsRow, stepsRow } from './lib/steps.ts';
import type { BenchOptions } from './run.ts';

const UPSTREAM = 9021;
const FIRST_PORT = 9030;
const PROXY_CORE = 0;
/** Of one turn; the CPU time of a process is counted in steps of 10 ms. */
const TURN_S = 1;

const url = (index: number): string => `http://127.0.0.1:${FIRST_PORT + index}/api/books`;
/** wrk takes more headers in the one that it is given for Host. */
const host = ({ sent = [] }: Feature): string => ['app', ...sent].join('\r\n');

const answers = async (index: number): Promise<boolean> => {
  try {
    const response = await fetch(url(index));
    return response.status === 200 && (await response.arrayBuffer()).byteLength === 1024;
  } catch {
    return false;
  }
};

/** `cpuMs` is that of 1,000 requests; of each feature what it adds to `base` in the same round, the median of the rounds. */
export const features = async ({ pairs, seconds }: BenchOptions): Promise<StepsRow[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-features-'));
  const bundle = join(dir, 'subject.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'features/subject.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    logLevel: 'error',
  });
  const upstream = await startUpstream('127.0.0.1', UPSTREAM);
  const subject = start(
    PROXY_CORE,
    process.execPath,
    [...proxyNodeFlags, bundle, String(FIRST_PORT), String(UPSTREAM)],
    { log: 2, env: { ...proxyEnvironment } },
  );
  try {
    for (const index of all.keys()) await until(all[index]?.name ?? '', () => answers(index));
    const turn = async (index: number): Promise<number> => {
      const feature = all[index] as Feature;
      const before = cpuUs([subject.pid]);
      const load = await saturate(url(index), host(feature), TURN_S);
      if (load.errors > 0) throw new Error(`${feature.name}: ${load.errors} errors`);
      return (cpuUs([subject.pid]) - before) / load.requests;
    };
    for (const index of all.keys()) await turn(index);
    const measured = all.map((): number[] => []);
    for (let round = 0; round < Math.max(3, Math.round((pairs * seconds) / 3)); round++)
      for (const index of all.keys()) measured[index]?.push(await turn(index));
    const base = measured[0] ?? [];
    const { rss } = memoryMb([subject.pid]);
    return [
      stepsRow(
        'features: CPU of 1,000 requests, added to that of base',
        all.map(({ name }, index) => ({
          name,
          cpuMs: median((measured[index] ?? []).map((us, round) => (index === 0 ? us : us - (base[round] ?? 0)))),
          bytes: 0,
          lastClientMs: 0,
          rssMb: rss,
        })),
      ),
    ];
  } finally {
    await subject.stop();
    await upstream.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
