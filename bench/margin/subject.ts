// The process that bench/margin.ts measures: the data path of weft with as many of its parts as it is told, without a
// control plane. Its one argument is the JSON of `SubjectOptions`. Prints the bound port.
import { systemClock } from '@weft/base/clock';
import { systemRandom } from '@weft/base/random';
import { Registry } from '@weft/telemetry/metrics';
import { compileRbac, compileRouteTable, isCompileError } from '@weft/traffic/compile';
import type { Authorizer } from '@weft/traffic/authorize';
import type { RouteTable } from '@weft/traffic/route-table';
import type { CompileError, RuntimeConfig } from '@weft/traffic/runtime-config';
import { RegistryTelemetry } from '@weft/proxy/telemetry-impl';
import { encodePeerMetadata } from '@weft/proxy/headers/peer-metadata';
import { startListener } from '@weft/proxy/stack';
import type { AccessRecord } from '@weft/proxy/telemetry';
import { chain, endpoint, listener, manager, TestContext } from '@weft/proxy/testing/data-path';
import { tlsConfig } from '@weft/proxy/testing/identities';
import { WorkloadTlsStore } from '@weft/proxy/tls-store';

export interface SubjectOptions {
  /** `hop`: plaintext both sides; `out`: mTLS to the upstream; `in`: mTLS from the client. */
  readonly role: 'hop' | 'out' | 'in';
  readonly port: number;
  readonly upstreamPort: number;
  readonly timers: boolean;
  readonly metrics: boolean;
  readonly policies: boolean;
  readonly accessLog: boolean;
  /** Of a route table of this many virtual hosts, applied anew each second; 0: never. */
  readonly updateHosts: number;
  readonly credentials: { chainPem: string; privateKeyPem: string; bundle: { pem: string } } | null;
}

const options = JSON.parse(process.argv[2] ?? '{}') as SubjectOptions;

const need = <T extends object>(result: T | CompileError): T => {
  if (isCompileError(result)) throw new Error(JSON.stringify(result));
  return result;
};

const routes = (hosts: number): RouteTable =>
  need<RouteTable>(
    compileRouteTable({
      name: 'http_proxy',
      virtualHosts: [
        ...Array.from({ length: hosts }, (_, i) => ({
          name: `service-${i}.default.svc.cluster.local:80`,
          domains: [
            `service-${i}.default.svc.cluster.local`,
            `service-${i}.default.svc.cluster.local:80`,
            `service-${i}.default`,
            `service-${i}`,
          ],
          routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }],
        })),
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              name: 'by-header',
              match: { prefix: '/', headers: [{ name: 'x-user', stringMatch: { exact: 'jason' } }] },
              route: { cluster: 'app', timeout: '0s' },
            },
            {
              name: 'default',
              match: { prefix: '/' },
              route: {
                cluster: 'app',
                timeout: options.timers ? '15s' : '0s',
                ...(options.timers && {
                  retryPolicy: { retryOn: 'connect-failure,refused-stream,unavailable,cancelled', numRetries: 2 },
                }),
              },
            },
          ],
        },
      ],
    }),
  );

const rbac = (action: 'ALLOW' | 'DENY', path: string): Authorizer =>
  need<Authorizer>(
    compileRbac({
      action,
      policies: {
        'ns[default]-policy[p]-rule[0]': {
          permissions: [
            {
              andRules: {
                rules: [
                  { orRules: { rules: [{ urlPath: { path: { prefix: path } } }] } },
                  { orRules: { rules: [{ header: { name: ':method', stringMatch: { exact: 'GET' } } }] } },
                ],
              },
            },
          ],
          principals: [{ any: true }],
        },
      },
    }),
  );

let table = routes(100);
const context = new TestContext(systemClock);
const tables = new Map([['http_proxy', table]]);
const present: RuntimeConfig = { listeners: new Map(), clusters: new Map(), routeTables: tables };
const none = {
  write(record: AccessRecord) {
    if (process.env.MARGIN_DEBUG && record.responseCode !== 200)
      console.error(record.responseCode, record.responseFlags, record.responseCodeDetails, record.attempts);
  },
};
const real = new RegistryTelemetry(new Registry(), systemClock);
const nothing = { record() {} };
Object.assign(context, {
  random: systemRandom,
  config: () => present,
  peerMetadata: encodePeerMetadata({
    NAME: 'a-1',
    NAMESPACE: 'default',
    WORKLOAD_NAME: 'a',
    CLUSTER_ID: 'Kubernetes',
    LABELS: {
      app: 'a',
      version: 'v1',
      'service.istio.io/canonical-name': 'a',
      'service.istio.io/canonical-revision': 'v1',
    },
    OWNER: 'kubernetes://apis/apps/v1/namespaces/default/deployments/a',
  }),
  telemetry: {
    requests: (labels: never) => (options.metrics ? real.requests(labels) : nothing),
    tcp: (labels: never) => real.tcp(labels),
    accessLog: (path: string) => (options.accessLog ? real.accessLog(path, null) : none),
  },
});
if (options.credentials) {
  const store = new WorkloadTlsStore('cluster.local');
  store.use(options.credentials);
  context.tlsStore = store;
}
const tls = options.role === 'out' ? tlsConfig() : null;
context.addCluster('app', [endpoint(options.upstreamPort, 'b-v1;default;b;v1;Kubernetes')], { tls });
const timers = options.timers ? {} : { streamIdleTimeoutMs: 0, connectionIdleTimeoutMs: 0 };
const http = manager(table, {
  inlineRoutes: null,
  routeConfigName: 'http_proxy',
  forwardClientCert: options.role === 'in' ? 'sanitize_set' : 'sanitize',
  authorizers: options.policies ? [rbac('DENY', '/admin'), rbac('ALLOW', '/')] : [],
  accessLog: options.accessLog || process.env.MARGIN_DEBUG ? [{ path: '/dev/null', format: null }] : [],
  ...timers,
});
await startListener(
  listener(http, {
    port: options.port,
    direction: options.role === 'in' ? 'inbound' : 'outbound',
    inspectTls: options.role === 'in',
    filterChains: [chain(http, options.role === 'in' ? tlsConfig({ sni: '' }) : null)],
  }),
  context,
);
if (options.updateHosts > 0) {
  setInterval(() => {
    table = routes(options.updateHosts);
    tables.set('http_proxy', table);
  }, 1000);
}
console.log('ready');
