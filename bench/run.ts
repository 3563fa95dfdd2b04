// npm run bench -- NAME... [--json FILE] [--pairs N] [--seconds N]
// Each benchmark pairs our shipped proxy with Envoy, interleaved, and reports CPU time per request as a ratio.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { needs } from '@weft/testkit/require';
import { features } from './features.ts';
import { grpcStream, grpcUnary } from './grpc.ts';
import { httpHop } from './http1-hop.ts';
import { http2Hop } from './http2-hop.ts';
import { idleConnections } from './idle-connections.ts';
import { type PairedRow, printRow } from './lib/report.ts';
import { printSteps, type StepsRow } from './lib/steps.ts';
import { memory } from './memory.ts';
import { mtlsChain } from './mtls-chain.ts';
import { tcp } from './tcp.ts';
import { tlsHandshakes } from './tls-handshakes.ts';
import { push, push1000 } from './push.ts';
import { translate, translateChange } from './translate.ts';

export interface BenchOptions {
  /** Interleaved pairs; at least three count. */
  readonly pairs: number;
  /** Of each measurement. */
  readonly seconds: number;
}

/** Without a peer, or with one that may be missing: the peer of `push` is left out where Go is not. */
const controlPlane: Record<string, (options: BenchOptions) => Promise<StepsRow[]>> = {
  push: ({ pairs }) => push(pairs),
  'push-1000': push1000,
  translate: ({ pairs }) => translate(pairs),
  'translate-change': ({ pairs }) => translateChange(pairs),
  features,
};

const benchmarks: Record<string, (options: BenchOptions) => Promise<PairedRow[]>> = {
  'http1-hop': httpHop,
  'http2-hop': http2Hop,
  'grpc-unary': grpcUnary,
  'grpc-stream': grpcStream,
  'mtls-chain': mtlsChain,
  tcp,
  'tls-handshakes': tlsHandshakes,
  memory,
  'idle-connections': idleConnections,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    pairs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
  },
});
const names = positionals.length ? positionals : [...Object.keys(benchmarks), ...Object.keys(controlPlane)];
const missing = names.some((name) => benchmarks[name])
  ? needs('linux', 'wrk', 'envoy')
  : needs('linux', ...(names.includes('features') ? (['wrk'] as const) : []));
const unknown = names.find((name) => !benchmarks[name] && !controlPlane[name]);
if (unknown || missing) {
  console.error(
    missing || `no benchmark ${unknown}; there are: ${Object.keys({ ...benchmarks, ...controlPlane }).join(', ')}`,
  );
  process.exit(2);
}
const options: BenchOptions = { pairs: Number(values.pairs), seconds: Number(values.seconds) };
const rows: (PairedRow | StepsRow)[] = [];
for (const name of names) {
  for (const row of (await benchmarks[name]?.(options)) ?? []) {
    rows.push(row);
    printRow(row);
  }
  for (const row of (await controlPlane[name]?.(options)) ?? []) {
    rows.push(row);
    printSteps(row);
  }
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
