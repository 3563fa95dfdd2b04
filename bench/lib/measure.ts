// One measurement of one subject: CPU per request at saturation and at two fixed rates, latency, memory.
import { readFileSync } from 'node:fs';
import { atRate, type Http2Request, type Load, saturate, saturateHttp2 } from './load.ts';
import { cpuUs, memoryMb } from './process.ts';
import type { Figures } from './report.ts';

export interface Point {
  readonly saturated: Figures;
  readonly at1000: Figures;
  readonly at2000: Figures;
  readonly idle: Figures;
  readonly loaded: Figures;
}

/** At each rate before it is measured: V8 compiles some functions anew after a change of load. */
const WARM_SECONDS = 3;

const none = { cpuUsPerUnit: Number.NaN, rssMb: Number.NaN, pssMb: Number.NaN, p50Ms: Number.NaN, p99Ms: Number.NaN };

/** What asks for something through the processes that are measured. */
export interface Generator {
  /** Status and bytes of one answer, which must be 200 and 1 KB. */
  check(): Promise<{ status: number; bytes: number }>;
  saturate(seconds: number): Promise<Load>;
  atRate(rate: number, seconds: number): Promise<Load>;
}

const http1 = (url: string, host: string): Generator => ({
  check: () => fetchThrough(url, host),
  saturate: (seconds) => saturate(url, host, seconds),
  atRate: (rate, seconds) => atRate(url, host, rate, 20, seconds),
});

export const http2 = (url: string, host: string, request: Http2Request = {}): Generator => ({
  check: () => fetchHttp2(url, host, request),
  saturate: (seconds) => saturateHttp2(url, host, seconds, request),
  atRate: (rate, seconds) => atRate(url, host, rate, 20, seconds, request),
});

/** Measures the processes while `url` is asked for through them. Throws if anything but the right answer came back. */
export const measure = (
  what: string,
  pids: readonly number[],
  url: string,
  host: string,
  seconds: number,
): Promise<Point> => measureBy(what, pids, http1(url, host), seconds);

export const measureBy = async (
  what: string,
  pids: readonly number[],
  generator: Generator,
  seconds: number,
): Promise<Point> => {
  const check = await generator.check();
  if (check.status !== 200 || check.bytes !== 1024)
    throw new Error(`${what} answers ${check.status} with ${check.bytes} bytes`);
  const idle = memoryMb(pids);
  await generator.saturate(2); // warm up: compile, open connections
  const during = async (load: () => Promise<Load>): Promise<Figures> => {
    const before = cpuUs(pids);
    const result = await load();
    const used = cpuUs(pids) - before;
    if (result.errors > 0)
      throw new Error(`${what}: ${result.errors} of ${result.requests} requests failed; the run does not count`);
    const memory = memoryMb(pids);
    return {
      cpuUsPerUnit: used / result.requests,
      rssMb: memory.rss,
      pssMb: memory.pss,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
    };
  };
  const saturated = await during(() => generator.saturate(seconds));
  const steady = async (rate: number): Promise<Figures> => {
    await generator.atRate(rate, WARM_SECONDS);
    return during(() => generator.atRate(rate, seconds));
  };
  const at1000 = await steady(1000);
  const at2000 = await steady(2000);
  const after = memoryMb(pids);
  return {
    saturated,
    at1000,
    at2000,
    idle: { ...none, rssMb: idle.rss, pssMb: idle.pss },
    loaded: { ...none, rssMb: after.rss, pssMb: after.pss },
  };
};

const fetchThrough = async (url: string, host: string): Promise<{ status: number; bytes: number }> => {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
    })
      .on('error', reject)
      .end();
  });
};

const fetchHttp2 = async (
  url: string,
  host: string,
  { headers = [], body }: Http2Request,
): Promise<{ status: number; bytes: number }> => {
  const { connect } = await import('node:http2');
  const { pathname, origin } = new URL(url);
  const session = connect(origin);
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const fields = headers.map((header) => [
        header.slice(0, header.indexOf(':')),
        header.slice(header.indexOf(':') + 2),
      ]);
      const request = session.request({
        ':path': pathname,
        ':authority': host,
        ':method': body === undefined ? 'GET' : 'POST',
        ...Object.fromEntries(fields),
      });
      let status = 0;
      let bytes = 0;
      request.on('response', (h) => void (status = Number(h[':status'])));
      request.on('data', (chunk: Buffer) => void (bytes += chunk.length));
      // A gRPC call that failed is answered 200.
      request.on('trailers', (h) => void (status = h['grpc-status'] === '0' ? status : 500));
      request.on('end', () => resolve({ status, bytes }));
      request.on('error', reject);
      request.end(body === undefined ? undefined : readFileSync(body));
    });
  } finally {
    session.close();
  }
};
