// node bench/margin.ts [--seconds N] [--rounds N] [--json FILE] [--only STEP]
// What each part of a proxy costs on the way from a raw hop (../shared/prototypes) to weft's data path: CPU time of the
// proxy process per request, saturated, for one plaintext hop and for the two hops of an mTLS chain; and the latency
// while a route table of 1 MB is compiled and swapped in once a second. docs/decisions/0004-margin.md has the figures.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TestMesh } from '@weft/proxy/testing/identities';
import { needs, sharedDir } from '@weft/testkit/require';
import { build } from 'esbuild';
import { atRate, saturate } from './lib/load.ts';
import { proxyEnvironment, proxyNodeFlags } from '@weft/proxy/process-settings';
import { startUpstream } from './lib/mesh.ts';
import { cpuUs, type Running, start, until } from './lib/process.ts';
import { median } from './lib/report.ts';
import type { SubjectOptions } from './margin/subject.ts';

const UPSTREAM = 9001;
const PORT = 9010;
const INNER = 9011;
const PROXY_CORE = 0;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    only: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const dir = mkdtempSync(join(tmpdir(), 'weft-margin-'));
const bundle = join(dir, 'subject.mjs');
await build({
  entryPoints: [join(import.meta.dirname, 'margin/subject.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  logLevel: 'error',
});
const mesh = new TestMesh();
const identities = { out: mesh.credentials('a'), in: mesh.credentials('b') };

interface Step {
  readonly name: string;
  /** Null: the prototype. */
  readonly parts: Pick<SubjectOptions, 'timers' | 'metrics' | 'policies' | 'accessLog'> | null;
  /** The client sends its own trace headers and request id, so that none are made. */
  readonly traced: boolean;
}

const off = { timers: false, metrics: false, policies: false, accessLog: false };
const steps: Step[] = [
  ...(needs('shared') ? [] : [{ name: 'raw (prototype)', parts: null, traced: true }]),
  { name: 'codec, limits, routing, pools', parts: off, traced: true },
  { name: '+ timers, retry policy', parts: { ...off, timers: true }, traced: true },
  { name: '+ Istio’s metrics', parts: { ...off, timers: true, metrics: true }, traced: true },
  { name: '+ two policies', parts: { ...off, timers: true, metrics: true, policies: true }, traced: true },
  {
    name: '+ request id, trace headers',
    parts: { ...off, timers: true, metrics: true, policies: true },
    traced: false,
  },
  { name: '+ access record', parts: { timers: true, metrics: true, policies: true, accessLog: true }, traced: false },
];

const subject = (options: Omit<SubjectOptions, 'credentials'>): Running => {
  const credentials = options.role === 'hop' ? null : identities[options.role];
  const full: SubjectOptions = { ...options, credentials };
  return start(PROXY_CORE, process.execPath, [...proxyNodeFlags, bundle, JSON.stringify(full)], {
    log: 2,
    env: { ...proxyEnvironment },
  });
};

/** The prototypes that DESIGN's figures come from: a raw hop, and a raw mTLS chain. */
const prototypes = (chain: boolean): Running[] => {
  const node = (file: string, ...args: (string | number)[]): Running =>
    start(PROXY_CORE, process.execPath, [...proxyNodeFlags, join(sharedDir, 'prototypes', file), ...args.map(String)], {
      cwd: dir,
      env: { ...proxyEnvironment },
    });
  if (!chain) return [node('http1-proxy.js', PORT)];
  return [node('mtls-chain.js', 'in', INNER, UPSTREAM), node('mtls-chain.js', 'out', PORT, INNER)];
};
mkdirSync(join(dir, 'c'), { mode: 0o700 });
for (const [file, { chainPem, privateKeyPem }] of [
  ['a', identities.out],
  ['b', identities.in],
] as const) {
  writeFileSync(join(dir, 'c', `${file}.crt`), chainPem);
  writeFileSync(join(dir, 'c', `${file}.key`), privateKeyPem, { mode: 0o600 });
}
writeFileSync(join(dir, 'c/ca.crt'), mesh.root.certificatePem);

const answers = async (port: number): Promise<boolean> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    return response.status === 200 && (await response.arrayBuffer()).byteLength === 1024;
  } catch {
    return false;
  }
};

const url = (traced: boolean): string => `http://127.0.0.1:${PORT}/api/books?${traced ? 'traced' : ''}`;
/** wrk takes more headers in the one that it is given for Host. */
const host = (traced: boolean): string =>
  traced
    ? 'service-7.default\r\nx-request-id: 0123456789abcdef\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
    : 'service-7.default';

const proxies = (chain: boolean, parts: Step['parts'], updateHosts = 0): Running[] => {
  if (parts === null) return prototypes(chain);
  return chain
    ? [
        subject({ role: 'in', port: INNER, upstreamPort: UPSTREAM, updateHosts, ...parts }),
        subject({ role: 'out', port: PORT, upstreamPort: INNER, updateHosts, ...parts }),
      ]
    : [subject({ role: 'hop', port: PORT, upstreamPort: UPSTREAM, updateHosts, ...parts })];
};

const perRequestUs = async (chain: boolean, step: Step): Promise<number> => {
  const running = proxies(chain, step.parts);
  const pids = running.map((r) => r.pid);
  try {
    await until('the proxy', () => answers(PORT));
    await saturate(url(step.traced), host(step.traced), 2);
    const before = cpuUs(pids);
    const load = await saturate(url(step.traced), host(step.traced), seconds);
    if (load.errors > 0) throw new Error(`${load.errors} errors`);
    return (cpuUs(pids) - before) / load.requests;
  } finally {
    for (const r of running) await r.stop();
  }
};

/** About 1 MB of route configuration as JSON. */
const MEGABYTE_OF_HOSTS = 3000;

const latencyDuringUpdates = async (chain: boolean, updateHosts: number): Promise<{ p50Ms: number; p99Ms: number }> => {
  const { parts } = steps.at(-1) as Step;
  const running = proxies(chain, parts, updateHosts);
  try {
    await until('the proxy', () => answers(PORT));
    await saturate(url(false), host(false), 2);
    return await atRate(url(false), host(false), 1000, 20, seconds + 2);
  } finally {
    for (const r of running) await r.stop();
  }
};

const upstream = await startUpstream('127.0.0.1', UPSTREAM);
const result: Record<string, unknown>[] = [];
try {
  for (const chain of [false, true]) {
    const name = chain ? 'mTLS chain' : 'HTTP/1.1 hop';
    const measured = new Map<Step, number[]>(steps.map((s) => [s, []]));
    for (let round = 0; round < rounds; round++) {
      for (const step of steps) {
        if (values.only && !step.name.includes(values.only)) continue;
        measured.get(step)?.push(await perRequestUs(chain, step));
      }
    }
    let previous = 0;
    for (const [step, all] of measured) {
      if (all.length === 0) continue;
      const us = median(all);
      console.log(
        `${name}  ${step.name.padEnd(32)} ${us.toFixed(1)} µs  ${previous ? `${us >= previous ? '+' : ''}${(us - previous).toFixed(1)}` : ''}  [${all.map((n) => n.toFixed(1)).join(' ')}]`,
      );
      result.push({ name, step: step.name, us, all });
      previous = us;
    }
    if (values.only) continue;
    for (const updateHosts of [0, MEGABYTE_OF_HOSTS]) {
      const { p50Ms, p99Ms } = await latencyDuringUpdates(chain, updateHosts);
      console.log(
        `${name}  at 1,000/s, ${updateHosts ? '1 MB update each second' : 'no updates'}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
      );
      result.push({ name, updates: updateHosts > 0, p50Ms, p99Ms });
    }
  }
} finally {
  await upstream.stop();
  rmSync(dir, { recursive: true, force: true });
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
