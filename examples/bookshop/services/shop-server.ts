// What the shop's HTTP services share: JSON, counters of what was served; the rest is the kit's (docs/kit.md).
import { createServer, type IncomingMessage } from 'node:http';
import { httpListener } from '@weft/kit/http';
import { createKit } from '@weft/kit/kit';

export type Answer = { readonly status: number; readonly body: unknown };
export type Handler = (request: IncomingMessage) => Promise<Answer> | Answer;

export const pod = process.env.POD_NAME ?? 'unknown';
export const version = process.env.VERSION ?? 'v1';

/** Served requests by status, `gone` where the caller did not wait; the demo's check compares them with the mesh's metrics. */
const served: Record<string, number> = {};
let broken = false;

export const kit = createKit({
  service: pod,
  log: { level: process.env.LOG_LEVEL ?? 'warn' },
  alsoPropagate: ['x-beta'], // a route of catalog looks at it
  // POST /break makes /readyz fail, POST /mend mends it: the tour shows how the mesh takes a replica out.
  health: { checks: { shelves: () => !broken }, cacheMs: 0 },
  // Its readiness probe fails twice before the mesh knows; the third time everybody has heard.
  shutdown: { drainPauseMs: 5_000, drainProbes: 3, deadlineMs: 9_000 },
  sidecar: { attempts: 600, delayMs: 50 },
});

export const serve = (handlers: Readonly<Record<string, Handler>>, counters: () => object = () => ({})): void => {
  const listener = httpListener(
    kit,
    async (request, response) => {
      const path = pathOf(request);
      const answer = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
      };
      if (path === '/counters') return answer(200, { pod, version, served, ...counters() });
      if (path === '/break' || path === '/mend') return answer(200, { pod, broken: (broken = path === '/break') });
      request.resume();
      const { status, body } = await run(handlers[path], request);
      // Whoever asked may have gone: a timeout on the way. Then nobody was served.
      const outcome = response.destroyed ? 'gone' : status;
      served[outcome] = (served[outcome] ?? 0) + 1;
      kit.log.info({ path, status }, 'served');
      answer(status, body);
    },
    (request) => (pathOf(request) in handlers ? pathOf(request) : 'unmatched'),
  );
  void kit.serve(createServer(listener));
};

const run = async (handler: Handler | undefined, request: IncomingMessage): Promise<Answer> => {
  try {
    return (await handler?.(request)) ?? { status: 404, body: { error: `no ${pathOf(request)}` } };
  } catch (error) {
    kit.log.error(error, pathOf(request));
    return { status: 500, body: { error: (error as Error).message } };
  }
};

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0] as string;
