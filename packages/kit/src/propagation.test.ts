import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import http, { type ClientRequest, get, type IncomingMessage, request, type RequestOptions } from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { settle } from '@weft/testkit/fake-clock';
import { propagateOutgoing } from './outgoing.ts';
import { bindEvents, outgoingHeaders, propagatedFrom, propagatedHeaders, withPropagation } from './propagation.ts';
import { echoHeaders } from './testing/servers.ts';

type Headers = Record<string, string>;

/** A request with every header of the list. */
const incoming: { headers: Headers } = {
  headers: Object.fromEntries(propagatedHeaders.map((name) => [name, `v-${name}`])),
};

const NAMED_BY_THE_ISSUE = [
  'x-request-id',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'x-ot-span-context',
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'traceparent',
  'tracestate',
];

const answerOf = async (made: ClientRequest): Promise<Headers> => {
  made.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    made.on('response', resolve).on('error', reject),
  );
  return JSON.parse(await text(response)) as Headers;
};

const assertHandedOn = (seen: Headers): void => {
  for (const name of NAMED_BY_THE_ISSUE) assert.equal(seen[name], `v-${name}`, name);
};

describe('headers are handed on', () => {
  let url = '';
  let stop = (): void => {};
  before(async () => {
    ({ url } = await echoHeaders());
    stop = propagateOutgoing();
  });
  after(() => stop());

  it('those of traces, your own that you name, and nothing else', () => {
    const headers = { 'x-request-id': 'r1', traceparent: 't', authorization: 'secret', 'x-beta': 'true', cookie: 'c' };
    assert.deepEqual(Object.fromEntries(propagatedFrom(headers, ['X-Beta'])), {
      'x-request-id': 'r1',
      traceparent: 't',
      'x-beta': 'true',
    });
    for (const name of NAMED_BY_THE_ISSUE) assert.ok(propagatedHeaders.includes(name), name);
  });

  it('with fetch', async () => {
    const seen = await withPropagation(incoming, async () => (await fetch(url)).json() as Promise<Headers>);
    assertHandedOn(seen);
  });

  it('with fetch of a Request and a body', async () => {
    const made = new Request(url, { method: 'POST', body: 'b', headers: { 'X-Request-Id': 'own' } });
    const seen = await withPropagation(incoming, async () => (await fetch(made)).json() as Promise<Headers>);
    assert.equal(seen['x-request-id'], 'own');
    assert.equal(seen.traceparent, 'v-traceparent');
  });

  const own: RequestOptions = { headers: { 'X-Mine': 'm' } };
  const ways: Record<string, () => ClientRequest> = {
    'request(url)': () => request(url),
    'request(URL, options)': () => request(new URL(url), own),
    'request(options)': () => request({ host: '127.0.0.1', port: new URL(url).port }),
    'get(url, options, callback)': () => get(url, own, () => {}),
    'get(url, callback)': () => get(url, () => {}),
    'http.request': () => http.request(url, { method: 'POST' }),
    'headers as an array': () => request(url, { headers: ['host', 'h', 'X-Mine', 'm'] }),
    'an array in which a value is named like a header': () =>
      request(url, { headers: ['host', 'h', 'X-Mine', 'traceparent'] }),
    'an array of pairs': () =>
      request(url, {
        headers: [
          ['host', 'h'],
          ['X-Mine', 'm'],
        ] as unknown as string[],
      }),
    'an Expect header': () => request(url, { method: 'POST', headers: { expect: '100-continue' } }),
    'https.request': () =>
      https.request(url.replace('http:', 'https:'), {
        createConnection: () => connect(Number(new URL(url).port), '127.0.0.1'),
      }),
    'https.get': () =>
      https.get(url.replace('http:', 'https:'), {
        createConnection: () => connect(Number(new URL(url).port), '127.0.0.1'),
      }),
  };
  for (const [name, make] of Object.entries(ways))
    it(`with ${name}`, async () => assertHandedOn(await withPropagation(incoming, () => answerOf(make()))));

  it('never in place of a header that the caller set', async () => {
    const set: [string, () => ClientRequest][] = [
      ['in options', () => request(url, { headers: { 'X-Request-ID': 'own' } })],
      ['in an array', () => request(url, { headers: ['host', 'h', 'X-Request-ID', 'own'] })],
      ['afterwards', () => request(url).setHeader('X-Request-ID', 'own')],
    ];
    for (const [how, make] of set) {
      const seen = await withPropagation(incoming, () => answerOf(make()));
      assert.equal(seen['x-request-id'], 'own', how);
      assert.equal(seen.b3, 'v-b3', how);
    }
    const fetched = await withPropagation(incoming, () => fetch(url, { headers: { 'X-Request-ID': 'own', B3: '0' } }));
    const seen = (await fetched.json()) as Headers;
    assert.equal(seen['x-request-id'], 'own');
    assert.equal(seen.b3, '0');
  });

  it('by what was taken out of node:http before the kit came, where Node announces requests (22.12)', async () => {
    stop();
    const taken = http.request;
    stop = propagateOutgoing();
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const seen = await withPropagation(incoming, () => answerOf(taken(url)));
    if (major > 22 || (major === 22 && minor >= 12)) assertHandedOn(seen);
    else assert.equal(seen.traceparent, undefined);
  });

  it('to each call those of its own request, however many are served at once', async () => {
    const serve = (id: string): Promise<string | undefined> =>
      withPropagation({ headers: { 'x-request-id': id } }, async () => {
        await settle();
        const seen = (await (await fetch(url)).json()) as Headers;
        return seen['x-request-id'];
      });
    const ids = Array.from({ length: 20 }, (_, i) => `r${i}`);
    assert.deepEqual(await Promise.all(ids.map(serve)), ids);
  });

  it('from listeners of an emitter that is bound, whoever emits', () => {
    const emitter = new EventEmitter();
    const seen: unknown[] = [];
    withPropagation({ headers: { b3: '1' } }, () => bindEvents(emitter));
    emitter.on('end', (value) => seen.push(value, outgoingHeaders()));
    emitter.emit('end', 7);
    assert.deepEqual(seen, [7, { b3: '1' }]);
  });

  it('not outside a request, and not once it is undone', async () => {
    assert.deepEqual(outgoingHeaders(), {});
    assert.equal(((await (await fetch(url)).json()) as Headers).traceparent, undefined);
    const second = propagateOutgoing();
    second();
    second();
    assert.equal((await withPropagation(incoming, () => answerOf(request(url)))).traceparent, 'v-traceparent');
    stop();
    assert.equal((await withPropagation(incoming, () => answerOf(request(url)))).traceparent, undefined);
    const fetched = await withPropagation(incoming, async () => (await fetch(url)).json() as Promise<Headers>);
    assert.equal(fetched.traceparent, undefined);
    stop = propagateOutgoing();
  });
});
