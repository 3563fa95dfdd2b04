// Customers: an open loop of requests at a fixed rate. It counts what comes back, and makes requests for the demo's
// check (`POST /call`), so that they leave through a sidecar as any workload's do.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { httpListener } from '@weft/kit/http';
import { createKit } from '@weft/kit/kit';
import { askLine } from './tcp-line.ts';

const FRONTEND = process.env.FRONTEND_URL ?? 'http://frontend';
let perSecond = Number(process.env.REQUESTS_PER_SECOND ?? 30);
/** By called host, then by status (0: no answer). */
const counters: Record<string, Record<string, number>> = {};
let inFlight = 0;

type Call = { readonly url: string; readonly method?: string; readonly headers?: Record<string, string> };

const call = async ({ url, method = 'GET', headers = {} }: Call) => {
  const { protocol, host } = new URL(url);
  if (protocol === 'tcp:')
    return askLine(host, 'counters')
      .then((body) => ({ status: 200, body, ms: 0 }))
      .catch((error: Error) => ({ status: 0, body: error.message, ms: 0 }));
  const startedAt = performance.now();
  inFlight++;
  const { status, body } = await fetch(url, { method, headers })
    .then(async (response) => ({ status: response.status, body: await response.text() }))
    .catch((error: Error) => ({ status: 0, body: String((error.cause as Error | undefined) ?? error) }));
  inFlight--;
  const ofHost = (counters[host] ??= {});
  ofHost[status] = (ofHost[status] ?? 0) + 1;
  return { status, body, ms: performance.now() - startedAt };
};

const answer = async (path: string, body: string): Promise<unknown> => {
  if (path === '/call') {
    const { count = 1, ...one } = JSON.parse(body) as Call & { count?: number };
    return Promise.all(Array.from({ length: count }, () => call(one)));
  }
  if (path === '/rate') perSecond = Number(body);
  return { perSecond, inFlight, counters };
};

const log = { level: process.env.LOG_LEVEL ?? 'warn' };
const kit = createKit({ service: 'load', log, shutdown: { drainPauseMs: 0, deadlineMs: 1_000 } });
const listener = httpListener(kit, async (request, response) => {
  const result = await answer(request.url ?? '/', await text(request)).catch((error: Error) => error);
  response.statusCode = result instanceof Error ? 400 : 200;
  response.end(result instanceof Error ? result.message : JSON.stringify(result));
});

let turn = 0;
const tick = (): void => {
  if (perSecond > 0) void call({ url: `${FRONTEND}${turn++ % 3 === 0 ? '/buy' : '/books'}` });
  setTimeout(tick, 1000 / (perSecond || 10));
};
// Customers come when the shop has been open for a moment.
void kit.serve(createServer(listener)).then(() => setTimeout(tick, 1_500));
