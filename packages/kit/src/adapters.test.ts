import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import express from 'express';
import Fastify from 'fastify';
import { expressMiddleware } from './express.ts';
import { fastifyPlugin } from './fastify.ts';
import { httpListener } from './http.ts';
import { createKit, type Kit } from './kit.ts';
import { ask, deferred, echoHeaders, listen } from './testing/servers.ts';

interface Adapter {
  readonly name: string;
  /** What a route is called that nothing matches. */
  readonly unmatched: string;
  /** Serves `POST /orders/:id`, which calls `upstream` when the body is there and answers with what that saw, and `GET /gone`, which never answers. */
  make(kit: Kit, upstream: () => string): Promise<Server>;
}

const seenBy = async (upstream: string): Promise<Record<string, string>> =>
  (await fetch(upstream)).json() as Promise<Record<string, string>>;

const adapters: readonly Adapter[] = [
  {
    name: 'node:http',
    unmatched: 'other',
    make: (kit, upstream) => {
      const listener = httpListener(
        kit,
        (request, response) => {
          if (request.url === '/gone') return;
          // Events of the body come in the connection's context, not in the listener's.
          request.resume().on('end', () => {
            void seenBy(upstream()).then((seen) =>
              response.writeHead(request.method === 'POST' ? 201 : 404).end(JSON.stringify(seen)),
            );
          });
        },
        ({ url = '' }) => (url.startsWith('/orders/') ? '/orders/:id' : url === '/gone' ? url : 'other'),
      );
      return Promise.resolve(createServer(listener));
    },
  },
  {
    name: 'Express',
    unmatched: 'unmatched',
    make: (kit, upstream) => {
      const app = express();
      app.use(expressMiddleware(kit));
      app.use(express.json());
      const orders = express.Router();
      orders.post('/:id', (_request, response, next) => {
        seenBy(upstream()).then((seen) => response.status(201).json(seen), next);
      });
      app.use('/orders', orders);
      app.get('/gone', () => {});
      return Promise.resolve(createServer(app));
    },
  },
  {
    name: 'Fastify',
    unmatched: 'unmatched',
    make: async (kit, upstream) => {
      const app = Fastify();
      await app.register(fastifyPlugin(kit));
      app.post('/orders/:id', async (_request, reply) => reply.code(201).send(await seenBy(upstream())));
      app.get('/gone', () => new Promise(() => {}));
      await app.ready();
      return app.server;
    },
  },
];

for (const adapter of adapters)
  describe(`the kit with ${adapter.name}`, () => {
    let url = '';
    let kit: Kit;
    before(async () => {
      const { url: upstream } = await echoHeaders();
      kit = createKit({
        metrics: { processMetrics: false },
        health: { checks: { database: () => false } },
        log: { level: 'silent' },
      });
      ({ url } = await listen(await adapter.make(kit, () => upstream)));
    });
    after(() => kit.client.close());
    const metric = async (line: RegExp): Promise<string | undefined> =>
      line.exec((await ask(`${url}/metrics`)).body)?.[1];

    it('answers probes and metrics itself', async () => {
      for (const [path, status] of Object.entries({
        '/healthz': 200,
        '/health': 200,
        '/startupz': 503,
        '/readyz': 503,
        '/ready': 503,
        '/metrics': 200,
      }))
        assert.equal((await ask(`${url}${path}`)).status, status, path);
      assert.match((await ask(`${url}/readyz`)).body, /"database":\{"state":"down"/);
      assert.match(String((await ask(`${url}/metrics`)).headers['content-type']), /^text\/plain; version=0\.0\.4/);
    });

    it('hands headers on to a call that is made after the body has come', async () => {
      const headers = { 'content-type': 'application/json', 'x-request-id': 'r1', traceparent: 't1' };
      const ids = Array.from({ length: 10 }, (_, i) => `r${i}`);
      const answers = await Promise.all(
        ids.map((id) =>
          ask(`${url}/orders/7`, { method: 'POST', body: '{"a":1}', headers: { ...headers, 'x-request-id': id } }),
        ),
      );
      for (const [index, answer] of answers.entries()) {
        assert.equal(answer.status, 201);
        const seen = JSON.parse(answer.body) as Record<string, string>;
        assert.equal(seen['x-request-id'], ids[index]);
        assert.equal(seen.traceparent, 't1');
      }
    });

    it('counts requests and their latency by method, route and status', async () => {
      const labels = 'method="POST",route="/orders/:id",status="201"';
      assert.equal(await metric(new RegExp(`^http_requests_total\\{${labels}\\} (\\d+)$`, 'm')), '10');
      assert.equal(await metric(new RegExp(`^http_request_duration_seconds_count\\{${labels}\\} (\\d+)$`, 'm')), '10');
      const sum = Number(await metric(new RegExp(`^http_request_duration_seconds_sum\\{${labels}\\} (\\S+)$`, 'm')));
      assert.ok(sum > 0 && sum < 60, `${sum} s`);
    });

    it('counts what matches no route under one name, and made-up methods under one', async () => {
      await ask(`${url}/no/such/path`);
      await ask(`${url}/elsewhere`);
      await ask(`${url}/elsewhere`, { method: 'PROPFIND' });
      assert.equal(
        await metric(
          new RegExp(`^http_requests_total\\{method="GET",route="${adapter.unmatched}",status="404"\\} (\\d+)$`, 'm'),
        ),
        '2',
      );
      assert.match((await ask(`${url}/metrics`)).body, /method="OTHER"/);
    });

    it('counts a caller that left as status 0', async () => {
      const left = deferred<void>();
      const controller = new AbortController();
      const gone = fetch(`${url}/gone`, { signal: controller.signal }).catch(() => left.resolve());
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.abort();
      await Promise.all([gone, left.promise]);
      let counted: string | undefined;
      while (counted === undefined)
        counted = await metric(/^http_requests_total\{method="GET",route="\/gone",status="0"\} (\d+)$/m);
      assert.equal(counted, '1');
    });

    it('does not count probes', async () => {
      assert.doesNotMatch((await ask(`${url}/metrics`)).body, /healthz|readyz|route="\/metrics"/);
    });
  });
