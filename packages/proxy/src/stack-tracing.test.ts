import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, it } from 'node:test';
import type { TracingConfig } from '@weft/traffic/runtime-config';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { type RunningListener, startListener } from './stack.ts';
import { http1AppOnly } from './testing/application-version.ts';
import { http1Only } from './testing/client-version.ts';
import { forwardTo, labels, listener, manager, table, TestContext } from './testing/data-path.ts';
import { closedPort, TestApp, TestClient } from './testing/peers.ts';
import { tracersOf } from './tracing/tracers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const use = <T extends { close(...args: never[]): unknown }>(thing: T): T => {
  closers.push(() => (thing.close as (graceful?: boolean) => unknown)(false));
  return thing;
};

const tracing = (kind: 'zipkin' | 'opentelemetry', over: Partial<TracingConfig> = {}): TracingConfig => ({
  provider: {
    kind,
    cluster: 'collector',
    authority: 'collector:80',
    path: '/spans',
    timeoutMs: 1000,
    serviceName: '',
  },
  samplingPercent: 100,
  maxPathTagLength: 256,
  customTags: [{ tag: 'istio.namespace', header: '', value: 'default' }],
  ...over,
});

/** A listener of one workload that sends everything to a port, and traces. */
const hop = async (
  name: string,
  direction: 'inbound' | 'outbound',
  to: number,
  collector: number,
  config: TracingConfig,
  clock?: FakeClock,
): Promise<{ context: TestContext; running: RunningListener }> => {
  const context = new TestContext(clock);
  Object.assign(context.local, { labels: labels(name), nodeId: `sidecar~127.0.0.1~${name}.default~default` });
  context.addCluster('next', [to]);
  context.addCluster('collector', [collector]);
  const route = forwardTo('next');
  const connectionManager = manager(table({ ...route, operation: `${name}:80/*` }), { tracing: config, accessLog: [] });
  return { context, running: use(await startListener(listener(connectionManager, { direction }), context)) };
};

interface ZipkinSpan {
  traceId: string;
  id: string;
  parentId?: string;
  name: string;
  kind: string;
  timestamp: number;
  duration: number;
  localEndpoint: { serviceName: string; ipv4: string };
  tags: Record<string, string>;
}

const spansOf = (collector: TestApp): ZipkinSpan[] =>
  collector.requests.flatMap(({ body }) => JSON.parse(body) as ZipkinSpan[]);

const propagated = ['traceparent', 'tracestate', 'b3', 'x-request-id'];
const PROPAGATED = (name: string): boolean => propagated.includes(name) || name.startsWith('x-b3-');

describe('tracing', () => {
  for (const incoming of ['', 'b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1\r\n'])
    it(`a chain of services makes one tree of spans${incoming && ', continuing the caller’s'}`, async () => {
      const collector = use(await TestApp.start());
      const config = tracing('zipkin');
      const leaf = use(await TestApp.start());
      const leafIn = await hop('leaf', 'inbound', leaf.port, collector.port, config);
      const middleOut = await hop('middle', 'outbound', leafIn.running.port, collector.port, config);
      const middle = use(
        await TestApp.start((_, response) => {
          const headers = Object.fromEntries(
            Object.entries(middle.requests[0]?.headers ?? {}).filter(([name]) => PROPAGATED(name)),
          );
          httpRequest({
            host: '127.0.0.1',
            port: middleOut.running.port,
            path: '/leaf',
            headers: { host: 'leaf', ...headers },
          })
            .on('response', (inner) => inner.pipe(response))
            .end();
        }),
      );
      const middleIn = await hop('middle', 'inbound', middle.port, collector.port, config);
      const frontOut = await hop('front', 'outbound', middleIn.running.port, collector.port, config);
      const client = new TestClient(frontOut.running.port);
      closers.push(() => client.socket.destroy());
      client.send(`GET /books?id=1 HTTP/1.1\r\nHost: middle\r\nUser-Agent: test\r\n${incoming}\r\n`);
      await client.until(/ok/);
      for (const { context } of [leafIn, middleOut, middleIn, frontOut]) await tracersOf(context).flush();

      const spans = spansOf(collector).sort((a, b) => a.timestamp - b.timestamp);
      assert.equal(spans.length, 4);
      const by = (kind: string, name: string): ZipkinSpan =>
        spans.find((s) => s.kind === kind && s.localEndpoint.serviceName === `${name}.default`) ?? assert.fail(name);
      const [root, second, third, last] = [
        by('CLIENT', 'front'),
        by('SERVER', 'middle'),
        by('CLIENT', 'middle'),
        by('SERVER', 'leaf'),
      ];
      assert.equal(new Set(spans.map((s) => s.traceId)).size, 1);
      assert.equal(new Set(spans.map((s) => s.id)).size, 4);
      assert.equal(root.parentId, incoming === '' ? undefined : 'b7ad6b7169203331');
      assert.equal(second.parentId, root.id);
      assert.equal(third.parentId, second.id);
      assert.equal(last.parentId, third.id);
      assert.equal(root.name, 'front:80/*');
      assert.equal(root.tags['http.method'], 'GET');
      assert.equal(root.tags['http.url'], 'http://middle/books?id=1');
      assert.equal(root.tags['http.status_code'], '200');
      assert.equal(root.tags['response_flags'], '-');
      assert.equal(root.tags['upstream_cluster'], 'next');
      assert.equal(root.tags['peer.address'], '127.0.0.1');
      assert.equal(root.tags['user_agent'], 'test');
      assert.equal(root.tags['istio.namespace'], 'default');
      assert.equal(root.tags['guid:x-request-id'], leaf.requests[0]?.headers['x-request-id']);
      assert.ok(root.duration >= last.duration);
      const { headers } = leaf.requests[0]!;
      if (incoming === '') assert.match(String(headers.traceparent), new RegExp(`^00-${root.traceId}-${last.id}-01$`));
      else assert.equal(headers.b3, `${root.traceId}-${last.id}-1-${third.id}`);
    });

  it('goes to an OTLP collector as protobuf', async () => {
    const collector = use(await TestApp.start());
    const app = use(await TestApp.start());
    const { context, running } = await hop('a', 'outbound', app.port, collector.port, tracing('opentelemetry'));
    const client = new TestClient(running.port);
    closers.push(() => client.socket.destroy());
    client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
    await client.until(/ok$/);
    await tracersOf(context).flush();
    const [post] = collector.requests;
    assert.equal(post?.url, '/spans');
    assert.equal(post?.headers['content-type'], 'application/x-protobuf');
    assert.match(post?.body ?? '', /service\.name.*a\.default/s);
    assert.match(post?.body ?? '', /http\.status_code.*200/s);
  });

  it('an answer of the proxy’s own is a span too, and one of an error', async () => {
    const collector = use(await TestApp.start());
    const { context, running } = await hop('a', 'outbound', await closedPort(), collector.port, tracing('zipkin'));
    const client = new TestClient(running.port);
    closers.push(() => client.socket.destroy());
    client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
    await client.until(/503/);
    await tracersOf(context).flush();
    const [span] = spansOf(collector);
    assert.equal(span?.tags['http.status_code'], '503');
    assert.equal(span?.tags['response_flags'], 'UF');
    assert.equal(span?.tags.error, 'true');
  });

  it('a request that is not sampled makes no span, and says so to the next', async () => {
    const collector = use(await TestApp.start());
    const app = use(await TestApp.start());
    const config = tracing('zipkin', { samplingPercent: 0 });
    const { context, running } = await hop('a', 'outbound', app.port, collector.port, config);
    const client = new TestClient(running.port);
    closers.push(() => client.socket.destroy());
    client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
    await client.until(/ok$/);
    await tracersOf(context).flush();
    assert.equal(collector.requests.length, 0);
    assert.equal(app.requests[0]?.headers['x-b3-sampled'], '0');
    assert.match(String(app.requests[0]?.headers.traceparent), /-00$/);
    assert.equal(context.stats.http('test').tracing.not_traceable, 1);
  });

  it('a collector that is away costs spans, never requests; what waits is bounded', {
    ...http1Only(),
    ...http1AppOnly(),
  }, async () => {
    const app = use(await TestApp.start());
    const clock = new FakeClock();
    const { context, running } = await hop('a', 'outbound', app.port, await closedPort(), tracing('zipkin'), clock);
    const client = new TestClient(running.port);
    closers.push(() => client.socket.destroy());
    const total = 2048 + 128 + 10;
    client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n'.repeat(total));
    while (app.requests.length < total) await settle();
    await client.until(/ok$/);
    const stats = context.stats.tracer('zipkin');
    assert.equal(stats.spans_dropped, 10);
    assert.equal(stats.spans_sent, 0);
    // The first batch is given up after its attempts.
    for (let i = 0; i < 40 && stats.spans_dropped === 10; i++) {
      await clock.advance(10_000);
      await settle();
    }
    assert.notEqual(stats.spans_dropped, 10);
    assert.equal((stats.spans_dropped - 10) % 128, 0);
    assert.ok(stats.reports_failed >= 4, `${stats.reports_failed}`);
  });

  it('spans are tried again until the collector takes them', async () => {
    let refusals = 2;
    const collector = use(
      await TestApp.start((_, response) => {
        response.statusCode = refusals-- > 0 ? 503 : 202;
        response.end();
      }),
    );
    const app = use(await TestApp.start());
    const { context, running } = await hop('a', 'outbound', app.port, collector.port, tracing('zipkin'));
    const client = new TestClient(running.port);
    closers.push(() => client.socket.destroy());
    client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
    await client.until(/ok$/);
    await tracersOf(context).flush();
    const stats = context.stats.tracer('zipkin');
    assert.deepEqual([stats.reports_dropped, stats.reports_sent, stats.spans_sent, stats.spans_dropped], [2, 1, 1, 0]);
    assert.equal(new Set(collector.requests.map((r) => r.body)).size, 1);
  });
});
