import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteTable } from '@weft/traffic/route-table';
import { typeUrls } from '@weft/xds-api/type-urls';
import { encodeMessage } from '@weft/xds/codec';
import { CompiledConfig, type ReceivedResource } from './compiled-config.ts';

const any = (type: string, message: object): object => ({ '@type': `type.googleapis.com/envoy.${type}`, ...message });
const manager = (routeConfigName: string) =>
  any('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'x',
    rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName },
    httpFilters: [{ name: 'router', typedConfig: any('extensions.filters.http.router.v3.Router', {}) }],
  });
const listener = (name: string, table: string): ReceivedResource => ({
  name,
  bytes: encodeMessage('envoy.config.listener.v3.Listener', {
    name,
    address: { socketAddress: { address: '127.0.0.1', portValue: 15001 } },
    filterChains: [{ filters: [{ name: 'http', typedConfig: manager(table) }] }],
  }),
});
const table = (name: string, over: object = {}): ReceivedResource => ({
  name,
  bytes: encodeMessage('envoy.config.route.v3.RouteConfiguration', {
    name,
    vhds: { configSource: { ads: {}, resourceApiVersion: 'V3' } },
    ...over,
  }),
});
const host = (name: string, cluster: string, ...domains: string[]): ReceivedResource => ({
  name,
  bytes: encodeMessage('envoy.config.route.v3.VirtualHost', {
    name: name.slice(name.lastIndexOf('/') + 1),
    domains: domains.length > 0 ? domains : [name.slice(name.lastIndexOf('/') + 1)],
    routes: [{ match: { prefix: '/' }, route: { cluster } }],
  }),
});

/** A proxy's configuration that remembers what it took, as its client does. */
const start = () => {
  const kept = new Map<string, ReceivedResource>();
  const config = new CompiledConfig(() => kept.values());
  const update = (typeUrl: string, added: ReceivedResource[], removed: string[] = []) => {
    const problems = config.update(typeUrl, added, removed);
    if (problems === null && typeUrl === typeUrls.virtualHost) {
      for (const name of removed) kept.delete(name);
      for (const resource of added) kept.set(resource.name, resource);
    }
    return problems;
  };
  const take = (...args: Parameters<typeof update>): void => assert.equal(update(...args), null);
  const routes = (name: string): RouteTable => {
    const found = config.current.routeTables.get(name);
    assert.ok(found, `there is no table ${name}`);
    return found;
  };
  return { config, update, take, routes };
};

const connection = {
  sourceAddress: '',
  sourcePort: 0,
  destinationAddress: '',
  destinationPort: 0,
  mtls: false,
  peerPrincipal: '',
  sni: '',
};
const routeOf = (table: RouteTable, authority: string) =>
  table.match({ method: 'GET', path: '/', authority, scheme: 'http', headers: [], connection });
const clusterOf = (table: RouteTable, authority: string): string | undefined => {
  const action = routeOf(table, authority)?.action;
  return action?.kind === 'forward' ? action.clusters.entries[0]?.name : undefined;
};

test('a table is there once its virtual hosts have come, and not before', () => {
  const { config, take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  assert.equal(config.wantsVirtualHosts, false);
  take(typeUrls.routeConfiguration, [table('t')]);
  assert.equal(config.wantsVirtualHosts, true);
  assert.equal(config.current.routeTables.size, 0);
  take(typeUrls.virtualHost, [host('t/a', 'one'), host('t/b', 'one')]);
  assert.equal(clusterOf(routes('t'), 'a'), 'one');
});

test('an empty first answer makes an empty table', () => {
  const { take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, []);
  assert.equal(routeOf(routes('t'), 'a'), null);
});

test('a virtual host that changes leaves the others as they are; one that goes, goes', () => {
  const { take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, [host('t/a', 'one'), host('t/b', 'one')]);
  const first = routes('t');
  take(typeUrls.virtualHost, [host('t/b', 'two')]);
  assert.equal(clusterOf(routes('t'), 'b'), 'two');
  assert.equal(routeOf(routes('t'), 'a'), routeOf(first, 'a'));
  assert.equal(clusterOf(first, 'b'), 'one', 'what was in force does not change under a request');
  take(typeUrls.virtualHost, [], ['t/a']);
  assert.equal(routeOf(routes('t'), 'a'), null);
});

test('a bad virtual host is named, and nothing of its update is taken', () => {
  const { config, update, take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, [host('t/a', 'one')]);
  const before = config.current;
  const bad = { name: 't/c', bytes: encodeMessage('envoy.config.route.v3.VirtualHost', { name: 'c' }) };
  const problems = update(typeUrls.virtualHost, [host('t/b', 'one'), bad, { name: 't/d', bytes: Uint8Array.of(0xff) }]);
  assert.deepEqual(
    problems?.map((p) => p.resource),
    ['t/c', 't/d'],
  );
  assert.match(problems?.[0]?.message ?? '', /domains/);
  assert.equal(config.current, before);
  assert.equal(routeOf(routes('t'), 'b'), null);
});

test('a domain that moves from one virtual host to another is never nobody’s', () => {
  const { take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, [host('t/a', 'one', 'x'), host('t/b', 'two', 'y')]);
  take(typeUrls.virtualHost, [host('t/b', 'two', 'y', 'x')]);
  assert.equal(clusterOf(routes('t'), 'x'), 'two');
  take(typeUrls.virtualHost, [host('t/a', 'one', 'z')]);
  assert.equal(clusterOf(routes('t'), 'x'), 'two');
  take(typeUrls.virtualHost, [host('t/a', 'one', 'x')]);
  take(typeUrls.virtualHost, [], ['t/a']);
  assert.equal(clusterOf(routes('t'), 'x'), 'two', 'what another host gives back is there again');
});

test('a table that changes makes its hosts anew, as they inherit from it', () => {
  const { take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, [host('t/a', 'one')]);
  take(typeUrls.routeConfiguration, [table('t', { requestHeadersToRemove: ['x-secret'] })]);
  assert.deepEqual(routeOf(routes('t'), 'a')?.requestHeaders.remove, ['x-secret']);
  take(typeUrls.virtualHost, [host('t/b', 'one')]);
  assert.deepEqual(routeOf(routes('t'), 'b')?.requestHeaders.remove, ['x-secret']);
});

test('hosts that come before their table are there when it comes', () => {
  const { take, routes } = start();
  take(typeUrls.listener, [listener('l', 't'), listener('m', 'u')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, [host('t/a', 'one'), host('u/a', 'two')]);
  take(typeUrls.routeConfiguration, [table('u')]);
  assert.equal(clusterOf(routes('u'), 'a'), 'two');
  assert.equal(clusterOf(routes('t'), 'a'), 'one');
});

test('a table that goes back to hosts of its own needs no others, nor does one that no listener names', () => {
  const { config, take, routes } = start();
  take(typeUrls.listener, [listener('l', 't')]);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.virtualHost, [host('t/a', 'one')]);
  const own = { name: 'b', domains: ['b'], routes: [{ match: { prefix: '/' }, route: { cluster: 'two' } }] };
  take(typeUrls.routeConfiguration, [table('t', { vhds: undefined, virtualHosts: [own] })]);
  assert.equal(config.wantsVirtualHosts, false);
  assert.equal(clusterOf(routes('t'), 'b'), 'two');
  assert.equal(routeOf(routes('t'), 'a'), null);
  take(typeUrls.routeConfiguration, [table('t')]);
  take(typeUrls.listener, [], ['l']);
  assert.equal(config.wantsVirtualHosts, false);
});
