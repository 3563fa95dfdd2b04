import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RouteTable } from '@weft/traffic/route-table';
import { encodeMessage } from '@weft/xds/codec';
import { RouteTableCompiler } from './route-table-compiler.ts';

const bytesOf = (hosts: Record<string, string>, more: object = {}): Uint8Array =>
  encodeMessage('envoy.config.route.v3.RouteConfiguration', {
    name: 'http_proxy',
    virtualHosts: Object.entries(hosts).map(([name, cluster]) => ({
      name,
      domains: [name],
      routes: [{ match: { prefix: '/' }, route: { cluster } }],
    })),
    ...more,
  });

const compiled = (compiler: RouteTableCompiler, bytes: Uint8Array, before?: RouteTable): RouteTable => {
  const table = compiler.compile(bytes, before);
  assert.ok('match' in table, JSON.stringify(table));
  return table;
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

describe('compiling a route table again', () => {
  it('keeps the routes of virtual hosts that did not change, and makes the others anew', () => {
    const compiler = new RouteTableCompiler();
    const first = compiled(compiler, bytesOf({ a: 'one', b: 'one' }));
    const second = compiled(compiler, bytesOf({ a: 'one', b: 'two', c: 'one' }), first);
    assert.equal(routeOf(second, 'a'), routeOf(first, 'a'));
    const changed = routeOf(second, 'b');
    assert.notEqual(changed, routeOf(first, 'b'));
    assert.ok(changed?.action.kind === 'forward' && changed.action.clusters.entries[0]?.name === 'two');
    assert.ok(routeOf(second, 'c'));
    const third = compiled(compiler, bytesOf({ a: 'one', b: 'one' }), second);
    assert.equal(routeOf(third, 'a'), routeOf(first, 'a'));
    assert.equal(routeOf(third, 'c'), null);
  });

  it('makes all anew when the table itself changed, as hosts inherit from it', () => {
    const compiler = new RouteTableCompiler();
    const first = compiled(compiler, bytesOf({ a: 'one' }));
    const second = compiled(compiler, bytesOf({ a: 'one' }, { requestHeadersToRemove: ['x-secret'] }), first);
    assert.deepEqual(routeOf(second, 'a')?.requestHeaders.remove, ['x-secret']);
  });

  it('refuses what is wrong with a host, kept ones or not', () => {
    const compiler = new RouteTableCompiler();
    const first = compiled(compiler, bytesOf({ a: 'one' }));
    const twice = encodeMessage('envoy.config.route.v3.RouteConfiguration', {
      name: 'http_proxy',
      virtualHosts: ['a', 'b'].map((name) => ({
        name,
        domains: ['a'],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'one' } }],
      })),
    });
    const refused = compiler.compile(twice, first);
    assert.ok('message' in refused && /stands in the table twice/.test(refused.message));
  });
});
