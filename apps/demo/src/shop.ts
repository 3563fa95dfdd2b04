// The running shop as the tour sees it: requests made by its workloads, requests from outside the mesh, and what
// applications and sidecars counted.
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { RunFile, RunFilePod } from '@weft/commands/up/run-file';
import { parsePrometheusText, type Sample } from '@weft/telemetry/prometheus-text';

export interface Call {
  /** `http://SERVICE/path`, or `tcp://SERVICE` for one line. */
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Result {
  /** 0: no answer. */
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

export interface LoadCounters {
  readonly perSecond: number;
  readonly inFlight: number;
  /** By called host, then status. */
  readonly counters: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** At most so many at once: the tour is about what is right, not about how fast. */
const BATCH = 25;
/** How long counters must stand still to be what was counted in the end. */
const QUIET_MS = 400;

export class Shop {
  readonly run: RunFile;
  /** The folder with the manifests that are in force. */
  readonly manifests: string;

  /** What runs now: processes come and go. */
  readonly runNow: () => RunFile;

  constructor(run: RunFile, manifests: string, runNow: () => RunFile | null = () => run) {
    this.run = run;
    this.manifests = manifests;
    this.runNow = () => runNow() ?? run;
  }

  pods(workload: string): readonly RunFilePod[] {
    return this.run.pods.filter((p) => p.workload === workload);
  }

  pod(workload: string): RunFilePod {
    const [pod] = this.pods(workload);
    if (!pod) throw new Error(`no pod of ${workload}`);
    return pod;
  }

  /** Requests that the workload `load` makes, as any application would: they leave through its sidecar. */
  async calls(call: Call, count: number): Promise<readonly Result[]> {
    const results: Result[] = [];
    for (let left = count; left > 0; left -= BATCH)
      results.push(
        ...(await this.#askLoad<Result[]>('/call', JSON.stringify({ ...call, count: Math.min(left, BATCH) }))),
      );
    return results;
  }

  async call(call: Call): Promise<Result> {
    const [result] = await this.calls(call, 1);
    return result as Result;
  }

  loadCounters(): Promise<LoadCounters> {
    return this.#askLoad('/counters');
  }

  async setRate(perSecond: number): Promise<void> {
    await this.#askLoad('/rate', String(perSecond));
  }

  /** Stops the load and waits until nothing is counted any more. */
  async quiesce(): Promise<void> {
    await this.setRate(0);
    const snapshot = async (): Promise<string> => {
      const pods = this.run.pods.filter((p) => p.metricsUrl !== '');
      const metrics = await Promise.all(pods.map((p) => this.metrics(p)));
      const counted = metrics.map((m) =>
        m.filter((s) => s.name.startsWith('istio_requests_total')).map((s) => s.value),
      );
      return JSON.stringify([counted, await this.loadCounters()]);
    };
    for (let before = ''; ; ) {
      const now = await snapshot();
      if (now === before && (await this.loadCounters()).inFlight === 0) return;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    }
  }

  /** What an application says it served, asked behind the mesh's back. */
  async counters<T>(pod: RunFilePod): Promise<T> {
    return JSON.parse((await plainRequest({ host: '127.0.0.1', port: appPort(pod), path: '/counters' })).body) as T;
  }

  async metrics(pod: RunFilePod): Promise<readonly Sample[]> {
    const url = new URL(pod.metricsUrl);
    return parsePrometheusText(
      (await plainRequest({ host: url.hostname, port: Number(url.port), path: url.pathname })).body,
    );
  }

  async #askLoad<T>(path: string, body = ''): Promise<T> {
    const port = appPort(this.pod('load'));
    const answer = await plainRequest({ host: '127.0.0.1', port, path, method: 'POST', body });
    if (answer.status !== 200) throw new Error(`load answers ${answer.status} to ${path}: ${answer.body}`);
    return JSON.parse(answer.body) as T;
  }
}

const appPort = (pod: RunFilePod): number => {
  const [port] = Object.values(pod.appPorts);
  if (port === undefined) throw new Error(`${pod.name} has no port`);
  return port;
};

export interface PlainRequest {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request without TLS from outside the mesh. Status 0 and the reason if there is no answer. */
export const plainRequest = ({ body = '', ...options }: PlainRequest): Promise<Result> =>
  new Promise((resolve) => {
    const started = performance.now();
    const done = (status: number, text: string): void =>
      resolve({ status, body: text, ms: performance.now() - started });
    const req = request({ ...options, agent: new Agent(), timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => done(0, error.message));
      response.on('end', () => done(response.statusCode ?? 0, Buffer.concat(chunks).toString()));
    });
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', (error: NodeJS.ErrnoException) => done(0, error.code ?? error.message));
    req.end(body);
  });

/** Sends a line over plain TCP from outside the mesh; '' if the connection is closed without an answer. */
export const plainLine = (host: string, port: number, line: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write(`${line}\n`));
    let answer = '';
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (answer.includes('\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.split('\n')[0] as string));
  });
