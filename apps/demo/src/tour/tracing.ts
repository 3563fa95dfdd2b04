import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, type TourCheck } from './check.ts';

/** Of a span in Zipkin's JSON, what the tree is made of. */
interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

const WAIT_MS = 8000;
/** load → frontend → orders → payments: a span at both sides of each hop. */
const SERVICES = ['load', 'frontend', 'frontend', 'orders', 'orders', 'payments'];

/** Takes spans as Zipkin does. */
const collector = async (spans: Span[]): Promise<Server> => {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      spans.push(...(JSON.parse(Buffer.concat(parts).toString()) as Span[]));
      response.writeHead(202).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

const meshSettings = (port: number): string => `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    defaultConfig:
      tracing:
        sampling: 100
        zipkin: { address: "127.0.0.1:${port}" }
`;

export const tracing: TourCheck = {
  name: 'a trace id survives all hops, the spans make one tree',
  async run(shop) {
    const spans: Span[] = [];
    const server = await collector(spans);
    const file = join(shop.manifests, 'tracing.yaml');
    try {
      writeFileSync(file, meshSettings((server.address() as AddressInfo).port));
      const started = performance.now();
      // Each sidecar traces from when it has the configuration: the first request that all of them saw counts.
      for (;;) {
        const id = randomUUID();
        const { status } = await shop.call({ url: 'http://frontend/buy', headers: { 'x-request-id': id } });
        expect(status === 200, `the request was answered ${status}`);
        const tree = await complete(spans, id);
        if (tree.length === SERVICES.length) return describe(tree);
        const seen = tree.map((s) => `${s.kind} ${s.localEndpoint.serviceName}`).join(', ');
        expect(performance.now() - started < WAIT_MS, `${tree.length} spans of ${SERVICES.length}: ${seen}`);
      }
    } finally {
      rmSync(file);
      server.close();
      server.closeAllConnections();
    }
  },
};

/** Spans come after a second. An Envoy on the way marks the request's id, so that only the trace's own holds them together. */
const complete = async (spans: readonly Span[], id: string): Promise<readonly Span[]> => {
  for (let i = 0; ; i++) {
    const first = spans.find((span) => span.tags['guid:x-request-id'] === id);
    const own = spans.filter((span) => span.traceId === first?.traceId);
    if (own.length >= SERVICES.length || i === 60) return own;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** From the root down, each the only child of the one before. */
const describe = (spans: readonly Span[]): string => {
  const traceIds = new Set(spans.map((span) => span.traceId));
  expect(traceIds.size === 1, `${traceIds.size} trace ids`);
  const chain: Span[] = [];
  for (let next = spans.find((s) => !s.parentId); next; next = spans.find((s) => s.parentId === chain.at(-1)?.id))
    chain.push(next);
  expect(chain.length === spans.length, `only ${chain.length} of ${spans.length} spans hang together`);
  const services = chain.map((span) => span.localEndpoint.serviceName.split('.')[0] as string);
  expect(services.join() === SERVICES.join(), `the path is ${services.join(' → ')}`);
  const kinds = chain.map((span) => span.kind).join();
  expect(kinds === 'CLIENT,SERVER,CLIENT,SERVER,CLIENT,SERVER', `the kinds are ${kinds}`);
  return `${chain.length} spans, one trace: ${[...new Set(services)].join(' → ')}`;
};
