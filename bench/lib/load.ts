// Load generators, pinned to core 1: wrk at saturation, h2load open-loop at a fixed rate.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CORE = '1';

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  /** Anything but a 2xx of the right size, and every socket error. A run with errors does not count. */
  readonly errors: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const milliseconds = (text: string): number => {
  const m = /([\d.]+)(us|ms|s|m)/.exec(text);
  if (!m) return Number.NaN;
  return Number(m[1]) * ({ us: 1e-3, ms: 1, s: 1000, m: 60_000 }[m[2] as string] as number);
};

/** As many requests as the connections can ask for. */
export const saturate = async (url: string, host: string, seconds: number, connections = 64): Promise<Load> => {
  const { stdout } = await run(
    'taskset',
    [
      '-c',
      CORE,
      'wrk',
      '-t1',
      `-c${connections}`,
      '--timeout',
      '10s',
      `-d${seconds}`,
      '--latency',
      '-H',
      `Host: ${host}`,
      url,
    ],
    {
      timeout: (seconds + 10) * 1000,
      killSignal: 'SIGKILL',
    },
  );
  const found = /(\d+) requests in ([\d.]+\w+), ([\d.]+)(\w+) read/.exec(stdout);
  if (!found) throw new Error(`wrk said: ${stdout}`);
  const non2xx = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const unit = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }[found[4] as string] ?? 1;
  return {
    requests: Number(found[1]),
    seconds,
    errors: non2xx + (socket ? socket.slice(1).reduce((sum, n) => sum + Number(n), 0) : 0),
    bytes: Number(found[3]) * unit,
    p50Ms: milliseconds(/50%\s+(\S+)/.exec(stdout)?.[1] ?? ''),
    p99Ms: milliseconds(/99%\s+(\S+)/.exec(stdout)?.[1] ?? ''),
  };
};

/** What HTTP/2 requests are: gRPC calls have a body and headers of their own. */
export interface Http2Request {
  readonly headers?: readonly string[];
  /** A file with the body of a POST. */
  readonly body?: string;
}

const requestArguments = ({ headers = [], body }: Http2Request): string[] => [
  ...headers.flatMap((header) => ['-H', header]),
  ...(body === undefined ? [] : ['-d', body]),
];

/** As many requests as 8 HTTP/2 connections with 16 streams each can ask for. */
export const saturateHttp2 = async (
  url: string,
  host: string,
  seconds: number,
  request: Http2Request = {},
): Promise<Load> => {
  const { stdout } = await run(
    'taskset',
    [
      ...['-c', CORE, 'h2load', '-t1', '-c8', '-m16', `-D${seconds}`, '-H', `:authority: ${host}`],
      ...requestArguments(request),
      url,
    ],
    { timeout: (seconds + 10) * 1000, killSignal: 'SIGKILL' },
  );
  const found = /(\d+) done, (\d+) succeeded.*\n.*?(\d+) 2xx/.exec(stdout);
  const bytes = /\((\d+)\) data/.exec(stdout);
  if (!found) throw new Error(`h2load said: ${stdout}`);
  // `done` counts the calls that the end cut short as well.
  return {
    requests: Number(found[3]),
    seconds,
    errors: Number(/(\d+) failed/.exec(stdout)?.[1] ?? 0) + Math.max(0, Number(found[2]) - Number(found[3])),
    bytes: Number(bytes?.[1] ?? 0),
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
  };
};

/**
 * A fixed rate over `connections`, whether answers come or not: latency counts from when a request was due. HTTP/1, unless
 * an HTTP/2 request is given.
 */
export const atRate = async (
  url: string,
  host: string,
  rate: number,
  connections: number,
  seconds: number,
  http2: Http2Request | null = null,
): Promise<Load> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-h2load-'));
  const log = join(dir, 'log');
  try {
    await run(
      'taskset',
      [
        '-c',
        CORE,
        'h2load',
        ...(http2 === null ? ['--h1'] : ['-m16', ...requestArguments(http2)]),
        '-t1',
        `-c${connections}`,
        `--rps=${rate / connections}`,
        `-n${rate * seconds}`,
        '-H',
        `:authority: ${host}`,
        `--log-file=${log}`,
        url,
      ],
      { timeout: (seconds + 10) * 1000, killSignal: 'SIGKILL' },
    );
    const latencies: number[] = [];
    let errors = 0;
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      const [, status, us] = line.split('\t');
      if (status === undefined) continue;
      if (status !== '200') errors++;
      latencies.push(Number(us) / 1000);
    }
    errors += Math.max(0, rate * seconds - latencies.length);
    latencies.sort((a, b) => a - b);
    const at = (q: number): number =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN;
    return { requests: latencies.length, seconds, errors, bytes: 0, p50Ms: at(0.5), p99Ms: at(0.99) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};
