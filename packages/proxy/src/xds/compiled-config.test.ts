import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeUrls } from '@weft/xds-api/type-urls';
import { encodeMessage } from '@weft/xds/codec';
import { CompiledConfig, type ReceivedResource } from './compiled-config.ts';

const resource = (typeUrl: string, name: string, json: object): ReceivedResource => ({
  name,
  bytes: encodeMessage(typeUrl.slice(typeUrl.indexOf('/') + 1), json),
});

const eds = (name: string, over: object = {}) =>
  resource(typeUrls.cluster, name, {
    name,
    type: 'EDS',
    edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
    connectTimeout: '1s',
    ...over,
  });
const endpoints = (clusterName: string, ...ports: number[]) =>
  resource(typeUrls.clusterLoadAssignment, clusterName, {
    clusterName,
    endpoints: [
      {
        lbEndpoints: ports.map((portValue) => ({
          endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue } } },
        })),
      },
    ],
  });
const anyOf = (type: string, message: object): object => ({ '@type': `type.googleapis.com/${type}`, ...message });
const filters = 'envoy.extensions.filters';
const listener = (name: string, routeConfigName: string, over: object = {}) =>
  resource(typeUrls.listener, name, {
    name,
    address: { socketAddress: { address: '127.0.0.1', portValue: 15001 } },
    filterChains: [
      {
        filters: [
          {
            name: 'http',
            typedConfig: anyOf(`${filters}.network.http_connection_manager.v3.HttpConnectionManager`, {
              statPrefix: 'x',
              rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName },
              httpFilters: [{ name: 'router', typedConfig: anyOf(`${filters}.http.router.v3.Router`, {}) }],
              ...over,
            }),
          },
        ],
      },
    ],
  });
const routes = (name: string) =>
  resource(typeUrls.routeConfiguration, name, { name, virtualHosts: [{ name: 'all', domains: ['*'] }] });

const take = (config: CompiledConfig, typeUrl: string, added: ReceivedResource[], removed: string[] = []): void =>
  assert.equal(config.update(typeUrl, added, removed), null);

const state = (config: CompiledConfig): Record<string, [boolean, number[]]> =>
  Object.fromEntries(
    [...config.current.clusters.values()].map((c) => [c.name, [c.warm, c.endpoints.map((e) => e.port)]]),
  );

test('a cluster is warm once its endpoints are there, and keeps them when it changes', () => {
  const config = new CompiledConfig();
  take(config, typeUrls.cluster, [eds('a'), eds('b')]);
  assert.deepEqual([...config.wantedEndpoints()], ['a', 'b']);
  assert.deepEqual(state(config), { a: [false, []], b: [false, []] });
  take(config, typeUrls.clusterLoadAssignment, [endpoints('a', 1, 2)]);
  assert.deepEqual(state(config), { a: [true, [1, 2]], b: [false, []] });
  take(config, typeUrls.cluster, [eds('a', { connectTimeout: '2s' })]);
  assert.equal(config.current.clusters.get('a')?.connectTimeoutMs, 2000);
  assert.deepEqual(state(config).a, [true, [1, 2]]);
  take(config, typeUrls.clusterLoadAssignment, [], ['a']);
  assert.deepEqual(state(config).a, [true, [1, 2]], 'as in Envoy, endpoints that are removed stay');
});

test('clusters may share endpoints under another name', () => {
  const config = new CompiledConfig();
  const named = { edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' }, serviceName: 'shared' } };
  take(config, typeUrls.cluster, [eds('a', named), eds('b', named), eds('shared')]);
  assert.deepEqual([...config.wantedEndpoints()], ['shared']);
  take(config, typeUrls.clusterLoadAssignment, [endpoints('shared', 7)]);
  assert.deepEqual(state(config), { a: [true, [7]], b: [true, [7]], shared: [true, [7]] });
});

test('a cluster that went and comes back waits for its endpoints anew', () => {
  const config = new CompiledConfig();
  take(config, typeUrls.cluster, [eds('a')]);
  take(config, typeUrls.clusterLoadAssignment, [endpoints('a', 1)]);
  take(config, typeUrls.cluster, [], ['a']);
  assert.deepEqual(state(config), {});
  take(config, typeUrls.cluster, [eds('a')]);
  assert.deepEqual(state(config), { a: [false, []] });
});

test('route tables are those that listeners name, and go with the last of them', () => {
  const config = new CompiledConfig();
  take(config, typeUrls.listener, [listener('one', 'r1'), listener('two', 'r2')]);
  assert.deepEqual([...config.wantedRouteTables()], ['r1', 'r2']);
  take(config, typeUrls.routeConfiguration, [routes('r1'), routes('r2')]);
  take(config, typeUrls.routeConfiguration, [], ['r1']);
  assert.deepEqual([...config.current.routeTables.keys()], ['r1', 'r2'], 'a listener still needs it');
  take(config, typeUrls.listener, [], ['one']);
  assert.deepEqual([...config.current.routeTables.keys()], ['r2']);
});

test('an update with one bad resource is refused whole, naming it, and nothing changes', () => {
  const config = new CompiledConfig();
  take(config, typeUrls.cluster, [eds('a')]);
  const before = config.current;
  const problems = config.update(
    typeUrls.cluster,
    [eds('b'), eds('bad', { lbPolicy: 'CLUSTER_PROVIDED' }), { name: 'worse', bytes: Uint8Array.of(0xff) }],
    ['a'],
  );
  assert.deepEqual(
    problems?.map((p) => p.resource),
    ['bad', 'worse'],
  );
  assert.equal(config.current, before);
});

test('a listener whose access log format cannot be compiled is refused', () => {
  const log = {
    name: 'file',
    typedConfig: anyOf('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path: '/dev/stdout',
      logFormat: { textFormatSource: { inlineString: '%NO_SUCH_OPERATOR%\n' } },
    }),
  };
  const problems = new CompiledConfig().update(typeUrls.listener, [listener('one', 'r', { accessLog: [log] })], []);
  assert.equal(problems?.[0]?.resource, 'one');
  assert.match(problems?.[0]?.message ?? '', /%NO_SUCH_OPERATOR%/);
});

test('what was not asked for is refused', () => {
  assert.match(new CompiledConfig().update(typeUrls.secret, [], [])?.[0]?.message ?? '', /not asked for/);
});
