import type { Colors } from './colors.ts';
import { plainText } from './screen.ts';
import type { TrafficRow } from './traffic.ts';

const HEAD = ['FROM', 'TO', 'RPS', 'SUCCESS', 'P50', 'P99', 'mTLS', 'VERSIONS'];
/** Columns that are numbers stand to the right. */
const RIGHT = new Set([2, 3, 4, 5, 6]);

/** Who calls whom as a table, one line a row. */
export const trafficTable = (rows: readonly TrafficRow[], colors: Colors): string[] => {
  if (rows.length === 0) return [colors.dim('no traffic yet')];
  const cells = rows.map((row) => [
    row.from,
    row.to,
    row.protocol === 'tcp' ? `${rate(row.perSecond)} conn` : rate(row.perSecond),
    successCell(row.success, colors),
    durationText(row.p50Ms),
    durationText(row.p99Ms),
    mtlsCell(row.mtls, colors),
    row.versions.map(({ version, share }) => `${version} ${percent(share)}`).join('  '),
  ]);
  const widths = HEAD.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => plainText(row[i] as string).length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => pad(cell, widths[i] as number, RIGHT.has(i)))
      .join('  ')
      .trimEnd();
  return [colors.bold(line(HEAD)), ...cells.map(line)];
};

const pad = (cell: string, width: number, right: boolean): string => {
  const space = ' '.repeat(width - plainText(cell).length);
  return right ? space + cell : cell + space;
};

const rate = (perSecond: number): string => perSecond.toFixed(1);

const percent = (share: number): string => {
  const text = (share * 100).toFixed(1);
  return `${text.endsWith('.0') ? text.slice(0, -2) : text}%`;
};

const successCell = (success: number, colors: Colors): string => {
  if (Number.isNaN(success)) return '-';
  // 99.96 % must not read as all of them.
  const text = success < 1 && success > 0.9994 ? '99.9%' : percent(success);
  return success === 1 ? colors.green(text) : success >= 0.99 ? colors.yellow(text) : colors.red(text);
};

const mtlsCell = (share: number, colors: Colors): string => {
  if (Number.isNaN(share)) return '-';
  return share === 1 ? colors.green('yes') : share === 0 ? colors.red('no') : colors.yellow(percent(share));
};

export const durationText = (ms: number): string => {
  if (Number.isNaN(ms)) return '-';
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
};
