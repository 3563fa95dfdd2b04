// npm run bench -- NAME... [--json FILE] [--pairs N] [--seconds N]
// Each benchmark pairs our shipped proxy with Envoy, interleaved, and reports CPU time per request as a ratio.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { needs } from '@weft/testkit/require';
import { httpHop } from './http1-hop.ts';
import { http2Hop } from './http2-hop.ts';
import { idleConnections } from './idle-connections.ts';
import { type PairedRow, printRow } from './lib/report.ts';
import { memory } from './memory.ts';
import { mtlsChain } from './mtls-chain.ts';

export interface BenchOptions {
  /** Interleaved pairs; at least three count. */
  readonly pairs: number;
  /** Of each measurement. */
  readonly seconds: number;
}

const benchmarks: Record<string, (options: BenchOptions) => Promise<PairedRow[]>> = {
  'http1-hop': httpHop,
  'http2-hop': http2Hop,
  'mtls-chain': mtlsChain,
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
const missing = needs('linux', 'wrk', 'envoy');
const names = positionals.length ? positionals : Object.keys(benchmarks);
const unknown = names.find((name) => !benchmarks[name]);
if (unknown || missing) {
  console.error(missing || `no benchmark ${unknown}; there are: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}
const rows: PairedRow[] = [];
for (const name of names) {
  for (const row of (await benchmarks[name]?.({ pairs: Number(values.pairs), seconds: Number(values.seconds) })) ??
    []) {
    rows.push(row);
    printRow(row);
  }
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
