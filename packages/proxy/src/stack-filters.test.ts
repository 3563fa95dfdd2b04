import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { compileRouteTable, isCompileError } from '@weft/traffic/compile';
import type { Route } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { CorsPolicy } from '@weft/xds-api/gen/envoy/extensions/filters/http/cors/v3';
import type { HTTPFault } from '@weft/xds-api/gen/envoy/extensions/filters/http/fault/v3';
import { startListener } from './stack.ts';
import { listener, manager, TestContext } from './testing/data-path.ts';
import { closedPort, TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const use = <T extends { close(...args: never[]): unknown }>(thing: T): T => {
  closers.push(() => (thing.close as (graceful?: boolean) => unknown)(false));
  return thing;
};

/** A proxy with fault and cors filters, and one route. */
const proxy = async (clusters: Record<string, number>, route: Route, clock?: FakeClock) => {
  const context = new TestContext(clock);
  for (const [name, port] of Object.entries(clusters)) context.addCluster(name, [port]);
  const table = compileRouteTable({
    name: 'test',
    virtualHosts: [{ name: 'all', domains: ['*'], routes: [route], includeRequestAttemptCount: true }],
  });
  assert.ok(!isCompileError(table), JSON.stringify(table));
  const config = listener(manager(table, { fault: { name: 'fault', policy: null }, cors: { name: 'cors' } }));
  const running = use(await startListener(config, context));
  const connect = (): TestClient => {
    const c = new TestClient(running.port);
    closers.push(() => c.socket.destroy());
    return c;
  };
  const cluster = (name: string) => context.clustersByName.get(name) ?? assert.fail(name);
  return { context, connect, cluster, fault: context.stats.http('test').fault, cors: context.stats.http('test').cors };
};

const toApp = (over: Route = {}): Route => ({
  match: { prefix: '/' },
  ...over,
  route: { cluster: 'app', timeout: '0s', ...over.route },
});
const withFault = (json: HTTPFault, over: Route = {}): Route => ({
  ...toApp(over),
  typedPerFilterConfig: {
    fault: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault', ...json },
  },
});
const withCors = (json: CorsPolicy): Route => ({
  ...toApp(),
  typedPerFilterConfig: {
    cors: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy', ...json },
  },
});
const ALL = { numerator: 100 };
const get = (headers = '', method = 'GET'): string => `${method} /a?b HTTP/1.1\r\nHost: app:80\r\n${headers}\r\n`;

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe('a fault', () => {
  it('answers in the upstream’s place, and is not retried', async () => {
    const app = use(await TestApp.start());
    const route = withFault(
      { abort: { httpStatus: 503, percentage: ALL } },
      { route: { retryPolicy: { retryOn: '5xx', numRetries: 3 } } },
    );
    const { context, connect, fault } = await proxy({ app: app.port }, route);
    const answer = await connect()
      .send(get())
      .until(/fault filter abort$/);
    assert.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    assert.match(answer, /content-type: text\/plain/);
    assert.equal(app.requests.length, 0);
    const [record] = context.records;
    assert.equal(record?.responseFlags, 'FI');
    assert.equal(record?.responseCodeDetails, 'fault_filter_abort');
    assert.equal(record?.upstreamCluster, 'app');
    assert.equal(context.requests[0]?.labels.destinationServiceName, 'app');
    assert.deepEqual([fault.aborts_injected, fault.delays_injected, fault.active_faults], [1, 0, 0]);
  });

  it('tells callers of gRPC its status in their way', async () => {
    const route = withFault({ abort: { grpcStatus: 14, percentage: ALL } });
    const { context, connect } = await proxy({ app: 1 }, route);
    const c = connect().send(get('content-type: application/grpc\r\n'));
    const answer = await c.until(/\r\n\r\n$/);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /grpc-status: 14\r\n/);
    assert.match(answer, /grpc-message: fault filter abort\r\n/);
    assert.equal(context.requests[0]?.code, 200);
    c.received = '';
    assert.match(await c.send(get()).until(/abort$/), /^HTTP\/1\.1 200 /);
  });

  it('holds a request and its body back, and lets them go when the delay is over', async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start((_, response, body) => void response.end(`<${body}>`)));
    const { context, connect, fault } = await proxy(
      { app: app.port },
      withFault({ delay: { fixedDelay: '2s', percentage: ALL } }),
      clock,
    );
    const c = connect().send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 6\r\n\r\nabc');
    await until(() => fault.active_faults === 1);
    c.send('def');
    await clock.advance(1990);
    assert.equal(app.requests.length, 0);
    await clock.advance(30);
    const answer = await c.until(/<abcdef>$/);
    assert.match(answer, /x-envoy-upstream-service-time: \d\r\n/, 'the delay is not the service’s');
    await until(() => context.records.length === 1);
    assert.equal(context.records[0]?.responseFlags, 'DI');
    assert.equal(context.requests[0]?.flags, 'DI');
    assert.deepEqual([fault.delays_injected, fault.active_faults], [1, 0]);
  });

  it('may delay and then abort', async () => {
    const clock = new FakeClock();
    const { context, connect, fault } = await proxy(
      { app: 1 },
      withFault({ delay: { fixedDelay: '1s', percentage: ALL }, abort: { httpStatus: 418, percentage: ALL } }),
      clock,
    );
    const c = connect().send(get());
    await until(() => fault.active_faults === 1);
    await clock.advance(1020);
    assert.match(await c.until(/abort$/), /^HTTP\/1\.1 418 /);
    assert.equal(context.records[0]?.responseFlags, 'DI,FI');
    assert.equal(fault.active_faults, 0);
  });

  it('does not count against the route’s timeout', async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start(() => {}));
    const { connect, fault } = await proxy(
      { app: app.port },
      withFault({ delay: { fixedDelay: '2s', percentage: ALL } }, { route: { timeout: '1s' } }),
      clock,
    );
    const c = connect().send(get());
    await until(() => fault.active_faults === 1);
    await clock.advance(2020);
    await until(() => app.requests.length === 1);
    await clock.advance(900);
    assert.equal(c.received, '');
    await clock.advance(200);
    assert.match(await c.until(/timeout$/), /^HTTP\/1\.1 504 /);
  });

  it('ends with its client, and leaves nothing behind', async () => {
    const clock = new FakeClock();
    const { context, connect, fault } = await proxy(
      { app: 1 },
      withFault({ delay: { fixedDelay: '1s', percentage: ALL } }),
      clock,
    );
    const c = connect().send(get());
    await until(() => fault.active_faults === 1);
    c.socket.destroy();
    await until(() => context.records.length === 1);
    assert.equal(context.records[0]?.responseFlags, 'DC,DI');
    assert.equal(fault.active_faults, 0);
  });

  it('is left out where enough are under way, or the headers do not fit', async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start());
    const { connect, fault } = await proxy(
      { app: app.port },
      withFault({
        delay: { fixedDelay: '1s', percentage: ALL },
        maxActiveFaults: 1,
        headers: [{ name: 'x-slow', presentMatch: true }],
      }),
      clock,
    );
    await connect().send(get()).until(/ok$/);
    connect().send(get('x-slow: 1\r\n'));
    await until(() => fault.active_faults === 1);
    await connect().send(get('x-slow: 1\r\n')).until(/ok$/);
    assert.equal(fault.faults_overflow, 1);
  });

  it('happens on routes that answer by themselves too', async () => {
    const direct = { ...withFault({ abort: { httpStatus: 418, percentage: ALL } }), directResponse: { status: 200 } };
    delete direct.route;
    const { connect } = await proxy({}, direct);
    assert.match(
      await connect()
        .send(get())
        .until(/abort$/),
      /^HTTP\/1\.1 418 /,
    );
  });
});

describe('a copy of requests', () => {
  const mirrored = (over: object = {}): Route =>
    toApp({ route: { requestMirrorPolicies: [{ cluster: 'shadow', ...over }], prefixRewrite: '/new' } });

  it('goes to the shadow with the body, and the caller sees the answer of its own', async () => {
    const app = use(await TestApp.start((_, response) => void response.end('mine')));
    const shadow = use(await TestApp.start((_, response) => void response.writeHead(500).end('shadow')));
    const { context, connect, cluster } = await proxy({ app: app.port, shadow: shadow.port }, mirrored());
    const c = connect();
    for (let i = 1; i <= 3; i++) {
      c.received = '';
      c.send('POST /a HTTP/1.1\r\nHost: app:80\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
      assert.match(await c.until(/mine\r\n0\r\n\r\n$|mine$/), /^HTTP\/1\.1 200 /);
      await until(() => shadow.requests.length === i);
    }
    const [copy] = shadow.requests;
    assert.equal(copy?.method, 'POST');
    assert.equal(copy?.url, '/newa');
    assert.equal(copy?.body, 'abc');
    assert.equal(copy?.headers.host, 'app-shadow:80');
    assert.equal(copy?.headers['x-a'], '1');
    assert.equal(copy?.headers['x-request-id'], app.requests[0]?.headers['x-request-id']);
    await until(() => cluster('shadow').activeRequests === 0);
    assert.equal(cluster('shadow').hosts[0]?.active, 0);
    assert.equal(shadow.connections, 1, 'its connections are kept');
    assert.equal(context.records.length, 3, 'the copy has no record of its own');
  });

  it('fails without the caller noticing: refused, unknown, or full', async () => {
    const app = use(await TestApp.start());
    const refusing = await closedPort();
    const { connect, cluster } = await proxy({ app: app.port, shadow: refusing }, mirrored());
    const c = connect();
    await c.send(get()).until(/ok$/);
    await until(() => cluster('shadow').activeRequests === 0);
    const unknown = await proxy({ app: app.port }, mirrored());
    await unknown.connect().send(get()).until(/ok$/);
    const full = await proxy({ app: app.port, shadow: refusing }, mirrored());
    const { config } = full.cluster('shadow');
    full.cluster('shadow').config = { ...config, limits: { ...config.limits, maxRequests: 0 } };
    await full.connect().send(get()).until(/ok$/);
    assert.equal(full.cluster('shadow').stats.upstream_rq_pending_overflow, 1);
  });

  it('is not waited for, and given up after its time', async () => {
    const clock = new FakeClock();
    const app = use(await TestApp.start());
    const shadow = use(await TestApp.start(() => {}));
    const { connect, cluster } = await proxy({ app: app.port, shadow: shadow.port }, mirrored(), clock);
    await connect().send(get()).until(/ok$/);
    await until(() => shadow.requests.length === 1);
    assert.equal(cluster('shadow').activeRequests, 1);
    await clock.advance(15_020);
    assert.equal(cluster('shadow').activeRequests, 0);
    assert.equal(cluster('shadow').stats.upstream_rq_timeout, 1);
  });

  it('that falls behind is given up, so that it never holds much memory', async () => {
    const app = use(await TestApp.start((_, response, body) => void response.end(`<${body.length}>`)));
    const sink = use(await TestPeer.start((socket) => void socket.pause()));
    const { connect, cluster } = await proxy({ app: app.port, shadow: sink.port }, mirrored());
    const length = 32 * 1024 * 1024;
    const c = connect().send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${length}\r\n\r\n`);
    c.socket.write(Buffer.alloc(length, 'x'));
    await c.until(new RegExp(`<${length}>$`));
    assert.equal(cluster('shadow').stats.retry_or_shadow_abandoned, 1);
    assert.equal(cluster('shadow').activeRequests, 0);
  });

  it('of a request that its client gives up is given up too', async () => {
    const app = use(await TestApp.start());
    const shadow = use(await TestPeer.start(() => {}));
    const { connect, cluster, context } = await proxy({ app: app.port, shadow: shadow.port }, mirrored());
    const c = connect().send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 9\r\n\r\nabc');
    await until(() => shadow.received.endsWith('abc'));
    c.socket.destroy();
    await until(() => context.records.length === 1);
    assert.equal(cluster('shadow').activeRequests, 0);
  });

  it('is made for a share of the requests', async () => {
    const app = use(await TestApp.start());
    const shadow = use(await TestApp.start());
    const { connect, cluster } = await proxy(
      { app: app.port, shadow: shadow.port },
      mirrored({ runtimeFraction: { defaultValue: { numerator: 30 } } }),
    );
    const c = connect();
    for (let i = 0; i < 200; i++) {
      c.received = '';
      await c.send(get()).until(/ok$/);
    }
    await until(() => cluster('shadow').activeRequests === 0);
    assert.ok(shadow.requests.length > 30 && shadow.requests.length < 90, `${shadow.requests.length} of 200`);
  });
});

describe('CORS', () => {
  const policy: CorsPolicy = {
    allowOriginStringMatch: [{ exact: 'https://a.com' }],
    allowMethods: 'GET,PUT',
    allowHeaders: 'x-a',
    exposeHeaders: 'x-b',
    maxAge: '60',
    allowCredentials: true,
  };
  const preflight = (origin: string): string =>
    get(`origin: ${origin}\r\naccess-control-request-method: PUT\r\n`, 'OPTIONS');

  it('answers the preflight of an allowed origin', async () => {
    const app = use(await TestApp.start());
    const { context, connect, cors } = await proxy({ app: app.port }, withCors(policy));
    const answer = await connect()
      .send(preflight('https://a.com'))
      .until(/\r\n\r\n$/);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    for (const line of [
      'access-control-allow-origin: https://a.com',
      'access-control-allow-methods: GET,PUT',
      'access-control-allow-headers: x-a',
      'access-control-max-age: 60',
      'access-control-allow-credentials: true',
      'access-control-expose-headers: x-b',
      'content-length: 0',
    ])
      assert.match(answer, new RegExp(`\r\n${line}\r\n`), line);
    assert.equal(app.requests.length, 0);
    assert.equal(context.records[0]?.responseCodeDetails, 'cors_response');
    assert.equal(cors.origin_valid, 1);
  });

  it('lets the service answer the preflight of another origin, unless those are ignored', async () => {
    const app = use(await TestApp.start());
    const forwards = await proxy({ app: app.port }, withCors(policy));
    assert.doesNotMatch(await forwards.connect().send(preflight('https://evil.com')).until(/ok$/), /access-control/);
    assert.equal(forwards.cors.origin_invalid, 1);
    const ignores = await proxy({ app: app.port }, withCors({ ...policy, forwardNotMatchingPreflights: false }));
    const answer = await ignores
      .connect()
      .send(preflight('https://evil.com'))
      .until(/\r\n\r\n$/);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(answer, /access-control-allow-origin/);
    assert.equal(app.requests.length, 1);
  });

  it('says on responses who may read them, in place of the service', async () => {
    const app = use(
      await TestApp.start((_, response) => void response.setHeader('access-control-allow-origin', '*').end('ok')),
    );
    const { connect } = await proxy({ app: app.port }, withCors(policy));
    const c = connect();
    const allowed = await c.send(get('origin: https://a.com\r\n')).until(/ok$/);
    assert.deepEqual(allowed.match(/access-control-allow-origin: .*/g), ['access-control-allow-origin: https://a.com']);
    assert.match(allowed, /access-control-expose-headers: x-b/);
    c.received = '';
    assert.match(await c.send(get('origin: https://evil.com\r\n')).until(/ok$/), /access-control-allow-origin: \*/);
    c.received = '';
    assert.doesNotMatch(await c.send(get()).until(/ok$/), /credentials/);
  });

  it('says it on answers of the proxy’s own too', async () => {
    const { connect } = await proxy({ app: await closedPort() }, withCors(policy));
    const answer = await connect()
      .send(get('origin: https://a.com\r\n'))
      .until(/failure$/);
    assert.match(answer, /^HTTP\/1\.1 503 /);
    assert.match(answer, /access-control-allow-origin: https:\/\/a\.com/);
  });
});

describe('an answer of the route’s own', () => {
  const own = (route: Route): Route => ({
    match: { prefix: '/' },
    responseHeadersToAdd: [
      { header: { key: 'x-route', value: '1' } },
      { header: { key: 'content-type', value: 'text/html' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    ],
    ...route,
  });

  it('has the headers that the route adds', async () => {
    const { connect } = await proxy({}, own({ directResponse: { status: 201, body: { inlineString: 'made' } } }));
    const answer = await connect().send(get()).until(/made$/);
    assert.match(answer, /^HTTP\/1\.1 201 Created\r\n/);
    assert.match(answer, /x-route: 1/);
    assert.deepEqual(answer.match(/content-type: .*/g), ['content-type: text/html']);
    assert.match(answer, /content-length: 4/);
  });

  it('may lead elsewhere', async () => {
    const { connect } = await proxy({}, own({ redirect: { pathRedirect: '/b', responseCode: 'TEMPORARY_REDIRECT' } }));
    const answer = await connect()
      .send(get())
      .until(/\r\n\r\n$/);
    assert.match(answer, /^HTTP\/1\.1 307 /);
    assert.match(answer, /location: http:\/\/app:80\/b\?b\r\n/);
    assert.match(answer, /x-route: 1/);
  });
});
