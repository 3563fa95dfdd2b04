// What is added, one at a time, to a plain hop: a patch of the HTTP connection manager, in xDS' JSON, and what else a
// request needs for it to do something.
import type {
  HttpConnectionManager,
  HttpFilter,
} from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { Route, RouteAction } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { Any } from '@weft/xds-api/well-known';

export interface Feature {
  readonly name: string;
  readonly filters?: readonly HttpFilter[];
  readonly manager?: HttpConnectionManager;
  readonly route?: Route;
  readonly action?: RouteAction;
  /** Istio's metrics are recorded. */
  readonly metrics?: boolean;
  /** Header lines that clients send. */
  readonly sent?: readonly string[];
}

const any = (type: string, message: object = {}): Any => ({ '@type': `type.googleapis.com/${type}`, ...message });
const filter = (name: string, type: string, message: object = {}): HttpFilter => ({
  name,
  typedConfig: any(`envoy.extensions.filters.http.${type}`, message),
});
const fileLog = (logFormat: object): HttpConnectionManager => ({
  accessLog: [
    {
      name: 'envoy.access_loggers.file',
      typedConfig: any('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: '/dev/null', ...logFormat }),
    },
  ],
});
const tracing = (percent: number): HttpConnectionManager => ({
  tracing: {
    randomSampling: { value: percent },
    provider: {
      name: 'envoy.tracers.zipkin',
      typedConfig: any('envoy.config.trace.v3.ZipkinConfig', {
        collectorCluster: 'app',
        collectorEndpoint: '/api/v2/spans',
        collectorEndpointVersion: 'HTTP_JSON',
        traceId128bit: true,
        sharedSpanContext: false,
      }),
    },
  },
});
const rbac = (action: 'ALLOW' | 'DENY', prefix: string): HttpFilter =>
  filter(`rbac-${action}`, 'rbac.v3.RBAC', {
    rules: {
      action,
      policies: {
        p: {
          permissions: [
            {
              andRules: {
                rules: [
                  { urlPath: { path: { prefix } } },
                  { header: { name: ':method', stringMatch: { exact: 'GET' } } },
                ],
              },
            },
          ],
          principals: [{ any: true }],
        },
      },
    },
  });
const header = (key: string, value: string) => ({ header: { key, value } });

/** Requests of all of them bring a request id and a trace context, so that `request id, trace headers` is what making them costs. */
const IDS = ['x-request-id: 0123456789abcdef', 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'];

export const features: readonly Feature[] = [
  { name: 'base', sent: IDS },
  { name: 'request id, trace headers', sent: [] },
  { name: 'Istio’s metrics', sent: IDS, metrics: true },
  { name: 'access log, Istio’s text', sent: IDS, manager: fileLog({ logFormat: undefined }) },
  {
    name: 'access log, JSON of 8 fields',
    sent: IDS,
    manager: fileLog({
      logFormat: {
        jsonFormat: {
          time: '%START_TIME%',
          method: '%REQ(:METHOD)%',
          path: '%REQ(:PATH)%',
          code: '%RESPONSE_CODE%',
          flags: '%RESPONSE_FLAGS%',
          ms: '%DURATION%',
          upstream: '%UPSTREAM_HOST%',
          id: '%REQ(X-REQUEST-ID)%',
        },
      },
    }),
  },
  { name: 'tracing, 1 % of the requests', sent: [], manager: tracing(1) },
  { name: 'tracing, all requests', sent: [], manager: tracing(100) },
  { name: 'RBAC, a DENY and an ALLOW policy', sent: IDS, filters: [rbac('DENY', '/admin'), rbac('ALLOW', '/')] },
  { name: 'path normalisation', sent: IDS, manager: { normalizePath: true, mergeSlashes: true } },
  {
    name: 'header operations: 4, literal',
    sent: IDS,
    route: {
      requestHeadersToAdd: [header('x-a', '1'), header('x-b', '2')],
      responseHeadersToAdd: [header('x-c', '3')],
      responseHeadersToRemove: ['server'],
    },
  },
  {
    name: 'header operations: 2, of the request',
    sent: IDS,
    route: {
      requestHeadersToAdd: [header('x-a', '%REQ(:METHOD)% %REQ(:PATH)%')],
      responseHeadersToAdd: [header('x-b', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')],
    },
  },
  {
    name: 'retries: policy and timeout',
    sent: IDS,
    action: { timeout: '15s', retryPolicy: { retryOn: 'connect-failure,refused-stream,5xx', numRetries: 2 } },
  },
  {
    name: 'fault filter that spares everybody',
    sent: IDS,
    filters: [filter('envoy.filters.http.fault', 'fault.v3.HTTPFault')],
    route: {
      typedPerFilterConfig: {
        'envoy.filters.http.fault': any('envoy.extensions.filters.http.fault.v3.HTTPFault', {
          abort: { httpStatus: 500, percentage: { numerator: 1, denominator: 'MILLION' } },
          headers: [{ name: 'x-fault', stringMatch: { exact: 'yes' } }],
        }),
      },
    },
  },
  {
    name: 'CORS, of an allowed origin',
    sent: [...IDS, 'origin: https://a.com'],
    filters: [filter('envoy.filters.http.cors', 'cors.v3.Cors')],
    route: {
      typedPerFilterConfig: {
        'envoy.filters.http.cors': any('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
          allowOriginStringMatch: [{ exact: 'https://a.com' }],
        }),
      },
    },
  },
  {
    name: 'mirror of all requests',
    sent: IDS,
    action: {
      requestMirrorPolicies: [
        { cluster: 'app', runtimeFraction: { defaultValue: { numerator: 100, denominator: 'HUNDRED' } } },
      ],
    },
  },
];

/** The connection manager of one of them, in front of cluster `app`. */
export const managerOf = ({ filters = [], manager = {}, route = {}, action = {} }: Feature): HttpConnectionManager => ({
  statPrefix: 'http',
  serverHeaderTransformation: 'PASS_THROUGH',
  routeConfig: {
    name: 'routes',
    virtualHosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [
          { name: 'default', match: { prefix: '/' }, ...route, route: { cluster: 'app', timeout: '0s', ...action } },
        ],
      },
    ],
  },
  httpFilters: [...filters, filter('envoy.filters.http.router', 'router.v3.Router')],
  ...manager,
});
