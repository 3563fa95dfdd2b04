import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { loadMesh } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import { type RunningListener, startListener } from '@weft/proxy/stack';
import { TestContext } from '@weft/proxy/testing/data-path';
import { envoyBinary, needs } from '@weft/testkit/require';
import {
  compileCluster,
  compileEndpoints,
  compileListener,
  compileRouteTable,
  isCompileError,
} from '@weft/traffic/compile';
import { envoyBootstrap } from '@weft/translate/envoy-bootstrap';
import { podOf } from '@weft/translate/synthetic-pods';
import { translateProxy } from '@weft/translate/translate';

/** Addresses of the loopback network that no other run is likely to have; its low blocks are not `weft up`'s. */
const address = (part: number): string => `127.34.${process.pid % 256}.${((process.pid >> 8) * 4 + part) % 254 || 254}`;
const ENVOY = address(0);
const WEFT = address(1);
const REVIEWS = address(2);
const SHADOW = address(3);

const pod = (name: string, ip: string): string => `
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec:
  selector: {app: ${name}}
  ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${name}}, annotations: {sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: main, image: none, ports: [{containerPort: 9080}]}]}
status: {podIP: ${ip}, conditions: [{type: Ready, status: "True"}]}`;

const manifests = `
apiVersion: v1
kind: Pod
metadata: {name: caller, namespace: default}
spec: {containers: [{name: main, image: none}]}
status: {podIP: ${ENVOY}, conditions: [{type: Ready, status: "True"}]}
${pod('reviews', REVIEWS)}
${pod('shadow', SHADOW)}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain, namespace: default}
spec: {host: "*.default.svc.cluster.local", trafficPolicy: {tls: {mode: DISABLE}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {httpStatus: 503, percentage: {value: 100}}}
    retries: {attempts: 3, retryOn: 5xx}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /grpc}}]
    fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /delay}}]
    fault: {delay: {fixedDelay: 300ms, percentage: {value: 100}}}
    timeout: 200ms
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /both}}]
    fault: {delay: {fixedDelay: 200ms, percentage: {value: 100}}, abort: {httpStatus: 418, percentage: {value: 100}}}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /direct-fault}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    directResponse: {status: 200}
  - match: [{uri: {prefix: /direct}}]
    headers: {response: {set: {content-type: text/html, x-a: "1"}, remove: [x-b]}}
    directResponse: {status: 201, body: {string: made}}
  - match: [{uri: {prefix: /to/uri}}]
    headers: {response: {add: {x-a: "1"}}}
    redirect: {uri: /elsewhere, authority: other.example}
  - match: [{uri: {prefix: /to/port}}]
    redirect: {port: 8443, scheme: https, redirectCode: 308}
  - match: [{uri: {prefix: /to/prefix/}}]
    redirect: {prefixRewrite: /new/, redirectCode: 302}
  - match: [{uri: {prefix: /to/request-port}}]
    redirect: {uri: /p, derivePort: FROM_REQUEST_PORT, authority: other.example}
  - match: [{uri: {prefix: /old/}}]
    rewrite: {uri: /new/, authority: renamed.example}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {regex: "/item/.*"}}]
    rewrite: {uriRegexRewrite: {match: "/([a-z]+)/([0-9]+)", rewrite: '/\\2-\\1'}}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /mirror}}]
    mirrors: [{destination: {host: shadow}}, {destination: {host: nobody}}]
    rewrite: {uri: /mirrored}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /headers}}]
    headers:
      request: {set: {x-set: rule}, add: {x-add: rule}, remove: [x-gone]}
      response: {set: {x-set: rule}, add: {x-add: rule}, remove: [x-gone]}
    route:
    - destination: {host: reviews}
      weight: 100
      headers:
        request: {set: {x-set: destination}, add: {x-add: destination}}
        response: {set: {x-set: destination}, add: {x-add: destination}}
    - {destination: {host: shadow}, weight: 0}
  - match: [{uri: {prefix: /team}}]
    delegate: {name: team}
  - match: [{uri: {prefix: /closed}}]
    corsPolicy: {allowOrigins: [{exact: "https://a.com"}], unmatchedPreflights: IGNORE}
    route: [{destination: {host: nobody}}]
  - corsPolicy:
      allowOrigins: [{exact: "https://a.com"}, {prefix: "https://b."}, {regex: "https://c[0-9][.]com"}]
      allowMethods: [GET, PUT]
      allowHeaders: [x-a, x-b]
      exposeHeaders: [x-c]
      maxAge: 24h
      allowCredentials: true
    route: [{destination: {host: reviews}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team, namespace: default}
spec:
  http:
  - match: [{uri: {prefix: /team/tea}}]
    directResponse: {status: 418}
  - route: [{destination: {host: reviews}}]
`;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly ms: number;
}

interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** What is as it happens, and no matter of routing. */
const VOLATILE = new Set([
  'date',
  'connection',
  'keep-alive',
  'x-request-id',
  'x-envoy-upstream-service-time',
  'traceparent',
  'x-envoy-overloaded',
]);
/** What only Envoy has without its bootstrap's help, or only we. */
const OWN = new Set([
  'x-envoy-decorator-operation',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-internal',
  'x-forwarded-for',
]);

const steady = (headers: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name, value]) => !VOLATILE.has(name) && !OWN.has(name) && !(name === 'content-length' && value === '0'))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

const call = async (proxy: string, { path, method = 'GET', headers = {}, body = '' }: Ask): Promise<Answer> => {
  const started = systemClock.monotonic();
  const host = 'reviews:9080';
  const sent = request({
    host: proxy,
    port: 15001,
    path: `http://${host}${path}`,
    method,
    headers: { host, ...headers },
    agent: false,
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode ?? 0,
    headers: steady(response.headers),
    body: text,
    ms: systemClock.monotonic() - started,
  };
};

/** Says what it got. */
const echo = (seen: string[]): Server =>
  createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      seen.push(`${req.method} ${req.headers.host} ${req.url} ${body}`);
      res.writeHead(200, { 'x-set': 'app', 'x-add': 'app', 'x-gone': 'app', 'content-type': 'application/json' });
      res.end(JSON.stringify({ method: req.method, url: req.url, body, headers: steady(req.headers) }));
    });
  });

describe('routing as Envoy does it', { skip: needs('envoy', 'linux') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-routing-'));
  const seen: string[] = [];
  const copies: string[] = [];
  const servers = [echo(seen), echo(copies)] as const;
  let envoy: ChildProcess;
  let weft: RunningListener;

  before(async () => {
    servers[0].listen(9080, REVIEWS);
    servers[1].listen(9080, SHADOW);
    await Promise.all(servers.map((server) => once(server, 'listening')));
    const { mesh, diagnostics } = loadMesh([{ path: 'mesh.yaml', text: manifests }]);
    assert.deepEqual(
      diagnostics.filter((d) => d.level === 'error' && d.code !== 'WEFT0101').map((d) => d.message),
      [],
    );
    envoy = await startEnvoy(mesh, folder);
    weft = await startOurs(mesh);
  });

  after(async () => {
    await weft?.close(false);
    if (envoy && envoy.exitCode === null) {
      envoy.kill();
      await once(envoy, 'exit');
    }
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true });
  });

  const preflight = (origin: string, path = '/cors'): Ask => ({
    path,
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-q' },
  });
  const cases: Record<string, readonly [Ask, (answer: Answer) => unknown, unknown]> = {
    'abort, not retried': [{ path: '/abort' }, (a) => [a.status, a.body], [503, 'fault filter abort']],
    'abort by a status of gRPC': [{ path: '/grpc' }, (a) => [a.status, a.body], [200, 'fault filter abort']],
    'abort of a call by gRPC': [
      { path: '/grpc', method: 'POST', headers: { 'content-type': 'application/grpc' } },
      (a) => [a.status, a.headers['grpc-status'], a.headers['grpc-message'], a.body],
      [200, '14', 'fault filter abort', ''],
    ],
    'delay, longer than the timeout': [{ path: '/delay' }, (a) => [a.status, a.ms >= 295 && a.ms < 1000], [200, true]],
    'delay, then abort': [{ path: '/both' }, (a) => [a.status, a.ms >= 195 && a.ms < 1000], [418, true]],
    'fault before an answer of the route’s own': [{ path: '/direct-fault' }, (a) => a.status, 418],
    'answer of the route’s own': [
      { path: '/direct' },
      (a) => [a.status, a.headers['content-type'], a.headers['x-a'], a.body],
      [201, 'text/html', '1', 'made'],
    ],
    'redirect to a path elsewhere': [
      { path: '/to/uri?q' },
      (a) => [a.status, a.headers.location, a.headers['x-a']],
      [301, 'http://other.example/elsewhere?q', '1'],
    ],
    'redirect to a port': [
      { path: '/to/port' },
      (a) => [a.status, a.headers.location],
      [308, 'https://reviews:8443/to/port'],
    ],
    'redirect with another prefix': [
      { path: '/to/prefix/a' },
      (a) => [a.status, a.headers.location],
      [302, 'http://reviews:9080/new/a'],
    ],
    'redirect to the request’s port': [
      { path: '/to/request-port' },
      (a) => a.headers.location,
      'http://other.example:9080/p',
    ],
    'rewritten prefix and authority': [{ path: '/old/a?q' }, (a) => urlOf(a), '/new/a?q'],
    'path rewritten by a regular expression': [
      { path: '/item/12/part/34?item/5' },
      (a) => urlOf(a),
      '/12-item/34-part?item/5',
    ],
    'headers changed by rule and destination': [
      { path: '/headers', headers: { 'x-set': 'caller', 'x-add': 'caller', 'x-gone': 'caller' } },
      (a) => a.headers['x-gone'],
      undefined,
    ],
    'a delegate’s rule': [{ path: '/team/tea' }, (a) => a.status, 418],
    'a delegate’s other rule': [{ path: '/team/x' }, (a) => a.status, 200],
    'preflight, exact origin': [
      preflight('https://a.com'),
      (a) => [a.status, a.headers['access-control-allow-origin']],
      [200, 'https://a.com'],
    ],
    'preflight, origin by prefix': [
      preflight('https://b.org'),
      (a) => a.headers['access-control-allow-origin'],
      'https://b.org',
    ],
    'preflight, origin by regex': [
      preflight('https://c1.com'),
      (a) => a.headers['access-control-allow-origin'],
      'https://c1.com',
    ],
    'preflight of a stranger': [
      preflight('https://evil.com'),
      (a) => [a.status, a.headers['content-type']],
      [200, 'application/json'],
    ],
    'preflight of a stranger, ignored': [
      preflight('https://evil.com', '/closed'),
      (a) => [a.status, a.body],
      [200, ''],
    ],
    'response to an allowed origin': [
      { path: '/', headers: { origin: 'https://a.com' } },
      (a) => a.headers['access-control-expose-headers'],
      'x-c',
    ],
    'response to a stranger': [
      { path: '/', headers: { origin: 'https://evil.com' } },
      (a) => a.headers['access-control-allow-origin'],
      undefined,
    ],
    'failure seen by an allowed origin': [
      { path: '/closed', headers: { origin: 'https://a.com' } },
      (a) => [a.status, a.headers['access-control-allow-origin']],
      [503, 'https://a.com'],
    ],
  };
  const urlOf = ({ body }: Answer): unknown => (JSON.parse(body) as { url: string }).url;

  for (const [name, [ask, look, expected]] of Object.entries(cases))
    it(name, async () => {
      const theirs = await call(ENVOY, ask);
      const ours = await call(WEFT, ask);
      assert.deepEqual({ ...ours, ms: 0 }, { ...theirs, ms: 0 }, 'we answer as Envoy does');
      assert.deepEqual(look(ours), expected);
      assert.deepEqual(look(theirs), expected);
    });

  it('copies of requests', async () => {
    for (const proxy of [ENVOY, WEFT]) {
      copies.length = 0;
      const answer = await call(proxy, { path: '/mirror/a?q', method: 'POST', body: 'hello' });
      assert.equal(answer.status, 200);
      assert.equal(seen.at(-1), 'POST reviews:9080 /mirrored/a?q hello');
      for (let i = 0; i < 200 && copies.length === 0; i++) await systemClock.sleep(10);
      assert.deepEqual(copies, ['POST reviews-shadow:9080 /mirrored/a?q hello']);
    }
  });
});

const startEnvoy = async (mesh: Mesh, folder: string): Promise<ChildProcess> => {
  const caller = podOf(mesh, 'default', 'caller') ?? assert.fail();
  const node = { pod: caller, dataPlane: 'envoy', bindAddress: ENVOY } as const;
  const file = join(folder, 'envoy.json');
  writeFileSync(file, JSON.stringify(envoyBootstrap(mesh, node, translateProxy(mesh, node), folder)));
  const args = ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '-l', 'error'];
  const envoy = spawn(envoyBinary() as string, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  for (let i = 0; i < 200; i++) {
    if (envoy.exitCode !== null) assert.fail(`Envoy ended with ${envoy.exitCode}`);
    const answer = await call(ENVOY, { path: '/direct' }).catch(() => null);
    if (answer?.status === 201) return envoy;
    await systemClock.sleep(50);
  }
  return assert.fail('Envoy is not ready after 10 s');
};

/** Our data path on the same resources, without the processes around it. */
const startOurs = async (mesh: Mesh): Promise<RunningListener> => {
  const caller = podOf(mesh, 'default', 'caller') ?? assert.fail();
  const resources = translateProxy(mesh, { pod: caller, dataPlane: 'weft', bindAddress: WEFT });
  const ok = <T extends object>(result: T): Exclude<T, { resource: string }> => {
    assert.ok(!isCompileError(result), JSON.stringify(result));
    return result as Exclude<T, { resource: string }>;
  };
  const context = new TestContext();
  const endpoints = new Map(resources.endpoints.map((e) => [e.clusterName, ok(compileEndpoints(e))]));
  for (const json of resources.clusters.filter((c) => c.name?.startsWith('outbound|'))) {
    const cluster = ok(compileCluster(json));
    const known = cluster.endpoints.length > 0 ? cluster.endpoints : (endpoints.get(cluster.edsName) ?? []);
    context.addCluster(cluster.name, known, { ...cluster, endpoints: known });
  }
  for (const json of resources.routes) context.routeTables.set(json.name ?? '', ok(compileRouteTable(json)));
  return startListener(ok(compileListener(resources.listeners[0] ?? assert.fail())), context);
};
