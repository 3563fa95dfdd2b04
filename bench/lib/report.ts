// The `--json` form of a benchmark with a peer, and its figures as text.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

export interface Figures {
  readonly cpuUsPerUnit: number;
  readonly rssMb: number;
  readonly pssMb: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface PairedRow {
  readonly name: string;
  readonly unit: string;
  /** Medians. */
  readonly subjects: Record<string, Figures>;
  /** Ours divided by the peer's, of each interleaved pair: the median, */
  readonly ratio: Partial<Record<'cpu' | 'rss' | 'p50' | 'p99', number>>;
  /** and the range. */
  readonly range: Partial<Record<'cpu' | 'rss' | 'p50' | 'p99', [number, number]>>;
  readonly bound?: string;
  readonly machine: string;
  readonly versions: Record<string, string>;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[mid] as number) : ((sorted[mid - 1] as number) + (sorted[mid] as number)) / 2;
};

const keys = { cpu: 'cpuUsPerUnit', rss: 'rssMb', p50: 'p50Ms', p99: 'p99Ms' } as const;

export const pairedRow = (
  name: string,
  unit: string,
  ours: readonly Figures[],
  peers: Record<string, readonly Figures[]>,
  bound?: string,
): PairedRow => {
  const medians = (list: readonly Figures[]): Figures => ({
    cpuUsPerUnit: median(list.map((f) => f.cpuUsPerUnit)),
    rssMb: median(list.map((f) => f.rssMb)),
    pssMb: median(list.map((f) => f.pssMb)),
    p50Ms: median(list.map((f) => f.p50Ms)),
    p99Ms: median(list.map((f) => f.p99Ms)),
  });
  const ratio: PairedRow['ratio'] = {};
  const range: PairedRow['range'] = {};
  for (const [key, field] of Object.entries(keys) as [keyof typeof keys, (typeof keys)[keyof typeof keys]][]) {
    // Against the cheaper of the peers, pair by pair.
    const pairs = ours
      .map(
        (mine, i) =>
          mine[field] / Math.min(...Object.values(peers).map((p) => p[i]?.[field] ?? Number.POSITIVE_INFINITY)),
      )
      .filter((r) => Number.isFinite(r));
    if (pairs.length === 0) continue;
    ratio[key] = median(pairs);
    range[key] = [Math.min(...pairs), Math.max(...pairs)];
  }
  return {
    name,
    unit,
    subjects: { weft: medians(ours), ...Object.fromEntries(Object.entries(peers).map(([k, v]) => [k, medians(v)])) },
    ratio,
    range,
    ...(bound && { bound }),
    machine: `${cpus()[0]?.model ?? '?'} × ${cpus().length}`,
    versions: { node: process.version, envoy: '1.40.0', ...versionsOf('nginx', '-v') },
  };
};

const versionsOf = (command: string, flag: string): Record<string, string> => {
  const run = spawnSync(command, [flag], { encoding: 'utf8' });
  const version = /[\d.]+\d/.exec(`${run.stdout}${run.stderr}`)?.[0];
  return version ? { [command]: version } : {};
};

const number = (n: number | undefined): string =>
  n === undefined || Number.isNaN(n) ? '–' : n >= 100 ? n.toFixed(0) : n.toFixed(2);

export const printRow = (row: PairedRow): void => {
  console.log(`\n${row.name}${row.bound ? `  (bound: ${row.bound})` : ''}`);
  for (const [subject, f] of Object.entries(row.subjects))
    console.log(
      `  ${subject.padEnd(12)} ${number(f.cpuUsPerUnit)} µs/${row.unit}  rss ${number(f.rssMb)} MB  pss ${number(f.pssMb)} MB  p50 ${number(f.p50Ms)} ms  p99 ${number(f.p99Ms)} ms`,
    );
  const ratios = Object.entries(row.ratio).map(
    ([k, v]) => `${k} ${number(v)} [${row.range[k as 'cpu']?.map(number).join('–')}]`,
  );
  console.log(`  ratio        ${ratios.join('  ')}`);
};
