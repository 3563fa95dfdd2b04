import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs, sharedDir } from '@weft/testkit/require';
import { compileRouteTable, isCompileError } from '@weft/traffic/compile';
import { virtualClusterOf } from '@weft/traffic/explain';
import { emptyAccessRecord } from '@weft/telemetry/access-record';
import { applyHeaderOperations } from '@weft/traffic/header-operations';
import type { RequestView } from '@weft/traffic/request';
import { pickCluster, type Route, type RouteTable, rewritePath } from '@weft/traffic/route-table';
import type { RouteConfiguration } from '@weft/xds-api/gen/envoy/config/route/v3';
import { messageTables } from '@weft/xds-api/gen/tables';
import { parse } from 'yaml';

/** Cases of Envoy's own router_check_tool: a RouteConfiguration, requests, and where Envoy sends them. */
const suite = join(sharedDir, 'suites/envoy-router-check');

/** Of the cases there are; see docs/envoy-differences.md for the rest. */
const FLOOR = 37;

/** No RouteConfiguration of that name is in the suite: it documents how the tool reports failures. */
const WITHOUT_CONFIG = 'TestRoutesFailures';

interface RouterCase {
  readonly test_name: string;
  readonly input: {
    readonly authority: string;
    readonly path: string;
    readonly method: string;
    readonly ssl?: boolean;
    readonly internal?: boolean;
    readonly random_value?: number;
    readonly additional_request_headers?: readonly { readonly key: string; readonly value: string }[];
  };
  readonly validate: Readonly<Record<string, unknown>>;
}

test('routes are chosen as by Envoy in its router check cases', { skip: needs('shared') }, (t) => {
  let passed = 0;
  const differing: string[] = [];
  for (const { file, cases, table } of loadSuite()) {
    for (const routerCase of cases) {
      const problems = check(table, routerCase);
      if (problems.length === 0) passed++;
      else differing.push(`${file} ${routerCase.test_name}: ${problems.join('; ')}`);
    }
  }
  for (const line of differing) t.diagnostic(line);
  t.diagnostic(`envoy-router-check: ${passed} of ${passed + differing.length}`);
  assert.ok(passed >= FLOOR, `${passed} pass, the floor is ${FLOOR}:\n${differing.join('\n')}`);
});

const loadSuite = (): { file: string; cases: readonly RouterCase[]; table: RouteTable }[] =>
  readdirSync(suite)
    .filter((file) => /\.golden\.proto\.(json|yaml)$/.test(file) && !file.startsWith(WITHOUT_CONFIG))
    .map((file) => {
      const { tests } = parse(readFileSync(join(suite, file), 'utf8')) as { tests: RouterCase[] };
      const yaml: unknown = parse(readFileSync(join(suite, file.replace(/\.golden.*/, '.yaml')), 'utf8'));
      const table = compileRouteTable(
        protoJson(yaml, 'envoy.config.route.v3.RouteConfiguration') as RouteConfiguration,
      );
      assert.ok(!isCompileError(table), `${file}: ${JSON.stringify(table)}`);
      return { file, cases: tests, table };
    });

/** Proto field names (snake_case) to JSON names, by the field tables, so that keys of maps stay what they are. */
const protoJson = (value: unknown, type: string): unknown => {
  if (Array.isArray(value)) return value.map((item) => protoJson(item, type));
  const table = messageTables[type];
  if (table === undefined || typeof value !== 'object' || value === null) return value;
  const types = new Map(table.split('|').map((field) => [field.split(' ')[1], field.split(' ')[2] as string]));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const name = key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      const fieldType = types.get(name);
      assert.ok(fieldType, `${type} has no field ${name}`);
      return [name, protoJson(item, fieldType.replace(/^[*=]+/, '').replace(/!.*/, ''))];
    }),
  );
};

const requestOf = ({ input }: RouterCase): RequestView => ({
  method: input.method,
  path: input.path,
  authority: input.authority.toLowerCase(),
  scheme: input.ssl ? 'https' : 'http',
  headers: [
    ...(input.additional_request_headers ?? []).flatMap(({ key, value }) => [key.toLowerCase(), value]),
    ...(input.internal ? ['x-envoy-internal', 'true'] : []),
  ],
  connection: {
    sourceAddress: '127.0.0.1',
    sourcePort: 1,
    destinationAddress: '127.0.0.1',
    destinationPort: 80,
    mtls: false,
    peerPrincipal: '',
    sni: '',
  },
});

/** What the tool reports, under its names. */
interface Observed {
  cluster_name: string;
  virtual_host_name: string;
  virtual_cluster_name: string;
  path_rewrite: string;
  host_rewrite: string;
  path_redirect: string;
  code_redirect: number;
  responseHeaders: string[];
}

const observe = (table: RouteTable, route: Route | null, routerCase: RouterCase): Observed => {
  const request = requestOf(routerCase);
  const observed: Observed = {
    cluster_name: '',
    virtual_host_name: '',
    virtual_cluster_name: '',
    path_rewrite: '',
    host_rewrite: '',
    path_redirect: '',
    code_redirect: 0,
    responseHeaders: [],
  };
  const action = route?.action;
  if (action?.kind === 'forward') {
    const { totalWeight } = action.clusters;
    const random = (((routerCase.input.random_value ?? 0) % totalWeight) + 0.5) / totalWeight;
    observed.cluster_name = pickCluster(action.clusters, () => random)?.name ?? '';
    observed.virtual_host_name = route?.virtualHost.name ?? '';
    observed.virtual_cluster_name = virtualClusterOf(table, request);
    observed.path_rewrite = rewritePath(action, request.path);
    observed.host_rewrite = action.hostRewrite || request.authority;
  } else if (action?.kind === 'redirect') {
    observed.path_redirect = action.location(request);
    observed.code_redirect = action.status;
  } else if (action?.kind === 'direct') {
    // The tool builds a Location for direct responses too, of the request as it is.
    observed.path_redirect = `${request.scheme}://${request.authority}${request.path}`;
    observed.code_redirect = action.status;
    // What Envoy's local reply adds before the route's own header operations.
    if (action.body) {
      observed.responseHeaders.push(
        'content-length',
        String(Buffer.byteLength(action.body)),
        'content-type',
        'text/plain',
      );
    }
  }
  if (route)
    applyHeaderOperations(route.responseHeaders, observed.responseHeaders, { accessRecord: emptyAccessRecord });
  return observed;
};

const check = (table: RouteTable, routerCase: RouterCase): string[] => {
  const observed = observe(table, table.match(requestOf(routerCase)), routerCase);
  return Object.entries(routerCase.validate).flatMap(([field, want]) => {
    if (field === 'response_header_matches')
      return checkHeaders(observed.responseHeaders, want as readonly HeaderExpectation[]);
    const got = observed[field as keyof Observed];
    return got === want ? [] : [`${field} is ${JSON.stringify(got)}, not ${JSON.stringify(want)}`];
  });
};

interface HeaderExpectation {
  readonly name: string;
  readonly string_match?: { readonly exact: string };
  /** Only ever with `invert_match`: absent. */
  readonly present_match?: boolean;
  readonly invert_match?: boolean;
}

const checkHeaders = (headers: readonly string[], wanted: readonly HeaderExpectation[]): string[] =>
  wanted.flatMap(({ name, string_match, present_match, invert_match }) => {
    const values = headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name);
    const got = values.length ? values.join(',') : undefined;
    const matched = string_match ? got === string_match.exact : (got !== undefined) === present_match;
    return matched !== (invert_match ?? false) ? [] : [`${name} is ${JSON.stringify(got)}`];
  });
