import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import type { ObjectDetail, ObjectStatus } from '@weft/control-plane/status/object-status';
import type { SyncStatus } from '@weft/control-plane/status/sync-status';
import { objectStatus } from './object-status.ts';
import { proxyStatus } from './proxy-status.ts';

const T = '2026-01-01T00:00:00.000Z';
const synced = { status: 'SYNCED', ackedVersion: 'aa', sentVersion: 'aa', sentAt: T, ackedAt: T } as const;
const REVIEWS = { kind: 'VirtualService', namespace: 'default', name: 'reviews' };

const proxies: SyncStatus[] = [
  {
    proxy: 'reviews-0.default',
    workload: 'default/reviews',
    connected: true,
    dataPlane: 'weft',
    protocol: 'delta',
    principal: 'spiffe://cluster.local/ns/default/sa/reviews',
    connectedAt: T,
    synced: false,
    lagMs: 1234,
    snapshotVersion: 'bb',
    syncedVersion: 'aa',
    types: { cds: synced, rds: { ...synced, status: 'ERROR', sentVersion: 'bb' } },
    acks: { cds: 1 },
    nacks: [{ type: 'rds', resource: 'http_proxy', version: 'cc', message: 'no such cluster', origins: [REVIEWS] }],
  },
  {
    proxy: 'ratings-0.default',
    workload: 'default/ratings',
    connected: false,
    synced: false,
    lagMs: 0,
    types: {},
    acks: {},
    nacks: [],
  },
];

const refused: ObjectStatus = {
  ...REVIEWS,
  state: 'refused',
  version: '0123456789ab',
  proxies: { concerned: 2, acknowledged: 1, refused: 1 },
  diagnostics: [],
};
const detail: ObjectDetail = {
  ...refused,
  atProxies: [
    {
      proxy: 'reviews-0.default',
      acknowledged: false,
      resources: [{ type: 'rds', name: 'http_proxy', version: 'cc', ackedVersion: 'aa', refusal: 'no such cluster' }],
    },
  ],
};
const valid: ObjectStatus = {
  ...refused,
  kind: 'Service',
  state: 'valid',
  proxies: { concerned: 0, acknowledged: 0, refused: 0 },
};

/** A control plane's status port that answers these. */
const statusPort = async (t: TestContext): Promise<string> => {
  const server = createServer((request, response) => {
    const pages: Record<string, unknown> = {
      '/debug/syncz': proxies,
      '/debug/status': [refused, valid],
      '/debug/status?kind=VirtualService&namespace=default&name=reviews': detail,
    };
    const page = pages[request.url ?? ''];
    response.writeHead(page ? 200 : 404).end(JSON.stringify(page));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

type Command = typeof proxyStatus | typeof objectStatus;

const run = async (t: TestContext, command: Command, options: object): Promise<{ code: number; text: string }> => {
  let text = '';
  const write = (part: string): void => void (text += part);
  const controlPlane = await statusPort(t);
  const code = await command({ controlPlane, stateDir: '.', output: 'text', write, ...options });
  return { code, text };
};

test('proxies in istioctl’s columns, and what they refuse', async (t) => {
  const { code, text } = await run(t, proxyStatus, {});
  assert.equal(code, 1);
  assert.equal(
    text,
    `NAME                DATA PLANE      CDS      LDS        EDS        RDS     VHDS       LAG
reviews-0.default   weft            SYNCED   NOT SENT   NOT SENT   ERROR   NOT SENT   1.2s
ratings-0.default   not connected

reviews-0.default refuses RDS http_proxy (of VirtualService default/reviews): no such cluster
`,
  );
});

test('one proxy by any of its names, in detail', async (t) => {
  for (const proxy of ['default/reviews', 'default/reviews-0', 'reviews-0.default']) {
    const { text } = await run(t, proxyStatus, { proxy });
    assert.match(text, /by delta since .*; snapshot bb, in sync with aa/);
    assert.match(text, /RDS: ERROR, sent bb at .*, acknowledged aa at/);
    assert.doesNotMatch(text, /ratings/);
  }
  assert.equal((await run(t, proxyStatus, { proxy: 'default/ratings' })).code, 0);
  await assert.rejects(run(t, proxyStatus, { proxy: 'x/y' }), /no proxy x\/y; there are reviews-0.default, ratings-0/);
});

test('objects in a table, one with its proxies, by kind in any case, as JSON', async (t) => {
  const all = await run(t, objectStatus, {});
  assert.equal(all.code, 1);
  assert.match(
    all.text,
    /^KIND +NAME +STATE +VERSION +PROXIES +MESSAGE\nVirtualService +default\/reviews +refused +0123456789ab +1\/2\n/,
  );
  assert.equal((await run(t, objectStatus, { kind: 'service' })).code, 0);
  const one = await run(t, objectStatus, { kind: 'virtualservice', name: 'default/reviews' });
  assert.match(one.text, /RDS http_proxy: cc, it has aa; refused: no such cluster/);
  const json = await run(t, objectStatus, { kind: 'VirtualService', name: 'default/reviews', output: 'json' });
  assert.deepEqual(JSON.parse(json.text), detail);
  await assert.rejects(
    run(t, objectStatus, { kind: 'VirtualService', name: 'default/x' }),
    /there are default\/reviews/,
  );
});

test('a control plane that is not there is said, and how to name one', async () => {
  const options = { stateDir: tmpdir(), output: 'text', write: () => {} } as const;
  await assert.rejects(proxyStatus(options), /no weft up runs with .*ENOENT.*--state-dir, or .*--control-plane/);
  await assert.rejects(objectStatus({ ...options, controlPlane: 'http://127.0.0.1:1' }), /ECONNREFUSED.*running/);
});
