import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { FakeClock } from '@weft/testkit/fake-clock';
import { LiveClusters } from './cluster-manager.ts';
import { DnsCache } from './dns/dns-cache.ts';
import { isRefused } from './dns/refused-addresses.ts';
import { startListener } from './stack.ts';
import { clusterConfig, endpoint, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Names by a table that the test changes; each look into it is noted. */
class Names {
  readonly table = new Map<string, { addresses: readonly string[]; ttlMs: number }>();
  readonly asked: string[] = [];

  readonly resolve = (name: string) => {
    this.asked.push(name);
    const found = this.table.get(name);
    return found ? Promise.resolve(found) : Promise.reject(new Error('ENOTFOUND'));
  };
}

const start = async (own: readonly number[] = []) => {
  const clock = new FakeClock();
  const context = new TestContext(clock);
  const names = new Names();
  const clusters = new LiveClusters(seededRandom(1), clock, {
    dns: new DnsCache(names.resolve, clock),
    refuses: (address, port) =>
      isRefused(
        address,
        port,
        [...own, running.port].map((p) => ({ address: '127.0.0.1', port: p })),
      ),
  });
  const outside = clusterConfig('PassthroughCluster', [], {
    discovery: 'dynamic_forward_proxy',
    destination: { host: '', name: '', namespace: '' },
  });
  clusters.apply(new Map([[outside.name, outside]]));
  context.clusters.get = (name) => clusters.get(name);
  const config = listener(manager(table(forwardTo(outside.name)), { upgrades: ['connect'] }));
  const running = await startListener(config, context);
  closers.push(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    closers.push(() => c.socket.destroy());
    return c;
  };
  const get = async (authority: string): Promise<string> => {
    const c = client().send(`GET http://${authority}/x HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
    return c.end();
  };
  return { clock, context, names, get, client, port: running.port, clusters };
};

const startApp = async (): Promise<TestApp> => {
  const app = await TestApp.start((request, response) => void response.end(`host ${request.headers.host}`));
  closers.push(() => app.close());
  return app;
};

describe('hosts outside the mesh', () => {
  it('are reached by name, with connections that are kept, and counted as Istio does', async () => {
    const app = await startApp();
    const { context, names, get } = await start();
    names.table.set('example.test', { addresses: ['127.0.0.1'], ttlMs: 60_000 });
    const authority = `example.test:${app.port}`;
    for (let i = 0; i < 3; i++)
      assert.match(await get(authority), new RegExp(`^HTTP/1.1 200 .*host ${authority}$`, 's'));
    assert.deepEqual(names.asked, ['example.test']);
    assert.equal(app.connections, 1);
    assert.equal(app.requests[0]?.url, '/x');
    const [labels] = context.requestLabels;
    assert.equal(labels?.destinationServiceName, 'PassthroughCluster');
    assert.equal(labels.destinationService, 'example.test');
    assert.equal(context.records[0]?.upstreamCluster, 'PassthroughCluster');
  });

  it('are asked for again when the TTL is over; connections to addresses that are gone close', async () => {
    const app = await startApp();
    const { clock, names, get } = await start();
    names.table.set('example.test', { addresses: ['127.0.0.1'], ttlMs: 30_000 });
    const authority = `example.test:${app.port}`;
    await get(authority);
    await clock.advance(29_999);
    await get(authority);
    assert.equal(names.asked.length, 1);
    names.table.set('example.test', { addresses: ['127.0.0.2'], ttlMs: 30_000 });
    await clock.advance(1);
    // This one still goes by the kept connection; the answer that it makes us ask for ends that.
    assert.match(await get(authority), /^HTTP\/1\.1 200/);
    assert.equal(names.asked.length, 2);
    // Nobody listens at the new address: the next request shows that it is used.
    assert.match(await get(authority), /^HTTP\/1\.1 503/);
  });

  it('without an address are answered 503 with DF, and asked for again a second later', async () => {
    const app = await startApp();
    const { clock, context, names, get } = await start();
    const authority = `nowhere.test:${app.port}`;
    assert.match(await get(authority), /^HTTP\/1\.1 503 .*DNS resolution failure$/s);
    assert.match(await get(authority), /^HTTP\/1\.1 503/);
    assert.deepEqual(
      context.records.map((r) => [r.responseFlags, r.responseCodeDetails]),
      [
        ['DF', 'dns_resolution_failure'],
        ['DF', 'dns_resolution_failure'],
      ],
    );
    assert.equal(names.asked.length, 1);
    names.table.set('nowhere.test', { addresses: ['127.0.0.1'], ttlMs: 1 });
    await clock.advance(1000);
    assert.match(await get(authority), /^HTTP\/1\.1 200/);
  });

  it('keep their last addresses while name servers are away', async () => {
    const app = await startApp();
    const { clock, names, get } = await start();
    names.table.set('example.test', { addresses: ['127.0.0.1'], ttlMs: 5000 });
    const authority = `example.test:${app.port}`;
    await get(authority);
    names.table.clear();
    app.server.closeAllConnections();
    await clock.advance(5000);
    assert.match(await get(authority), /^HTTP\/1\.1 200/);
  });

  it('may be addresses, which nobody is asked for', async () => {
    const app = await startApp();
    const { names, get } = await start();
    assert.match(await get(`127.0.0.1:${app.port}`), /^HTTP\/1\.1 200/);
    assert.deepEqual(names.asked, []);
  });

  it('are tunnelled to by CONNECT', async () => {
    const peer = await TestPeer.start((socket, bytes) => void socket.write(bytes.toString('latin1').toUpperCase()));
    closers.push(() => peer.close());
    const { names, client } = await start();
    names.table.set('db.test', { addresses: ['127.0.0.1'], ttlMs: 60_000 });
    const target = `db.test:${peer.port}`;
    await client()
      .send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\nhello`)
      .until(/200 OK\r\n\r\nHELLO$/);
  });

  it('are refused where they are this proxy, this link or no host: by address, and by name', async () => {
    const { names, get, client, port, context } = await start([15000]);
    for (const authority of [
      `127.0.0.1:${port}`,
      '127.0.0.1:15000',
      `[::ffff:127.0.0.1]:${port}`,
      '169.254.169.254',
      '0.0.0.0:80',
      '[fe80::1]',
      '[::ffff:169.254.169.254]:80',
      'host:0',
      'host:99999',
    ])
      assert.match(await get(authority), /^HTTP\/1\.1 403 /, authority);
    names.table.set('metadata.test', { addresses: ['169.254.169.254'], ttlMs: 60_000 });
    names.table.set('self.test', { addresses: ['127.0.0.1'], ttlMs: 60_000 });
    assert.match(await get('metadata.test'), /^HTTP\/1\.1 503 /);
    assert.match(await get(`self.test:${port}`), /^HTTP\/1\.1 503 /);
    assert.match(await get(`self.test.:15000`), /^HTTP\/1\.1 503 /);
    const self = `self.test:${port}`;
    await client()
      .send(`CONNECT ${self} HTTP/1.1\r\nHost: ${self}\r\n\r\n`)
      .until(/^HTTP\/1\.1 503 /);
    assert.ok(context.records.every((r) => r.responseCode !== 200));
  });

  it('are not kept for ever: the one asked for longest ago makes room', async () => {
    const { clusters } = await start();
    const cluster = clusters.get('PassthroughCluster');
    for (let i = 0; i < 1100; i++) assert.notEqual(cluster?.outside?.pick(`h${i}.test`, 80), null);
    assert.equal(cluster?.outside?.hosts.length, 1024);
  });
});

it('an endpoint of a DNS cluster is resolved when it is connected to', async () => {
  const app = await startApp();
  const clock = new FakeClock();
  const context = new TestContext(clock);
  const names = new Names();
  names.table.set('collector.test', { addresses: ['127.0.0.1'], ttlMs: 60_000 });
  const clusters = new LiveClusters(seededRandom(1), clock, {
    dns: new DnsCache(names.resolve, clock),
    refuses: () => true,
  });
  const dns = clusterConfig('dns', [{ ...endpoint(app.port), address: 'collector.test' }], { discovery: 'strict_dns' });
  clusters.apply(new Map([[dns.name, dns]]));
  context.clusters.get = (name) => clusters.get(name);
  const running = await startListener(listener(manager(table(forwardTo('dns')))), context);
  closers.push(() => running.close(false));
  const c = new TestClient(running.port).send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(await c.end(), /^HTTP\/1\.1 200/);
});
