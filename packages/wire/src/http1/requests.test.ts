import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { events, requestLimits } from '../testing/events.ts';
import { RequestReader } from './request-reader.ts';
import { writeLastChunk, writeRequestHead } from './write-head.ts';

const read = (text: string, cuts: readonly number[] = []): unknown[] =>
  events((sink) => new RequestReader(sink, requestLimits), text, cuts);

const head = (lines: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;

describe('a request head', () => {
  it('is read with names in lower case, values trimmed, what is the connection’s own taken out', () => {
    const [event] = read(
      'POST /a?b HTTP/1.1\r\nHoSt: A:80\r\nX-Y: \t v w \t\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n',
    ) as [{ head: Record<string, unknown> }];
    assert.deepEqual(
      { ...event.head },
      {
        bytes: 108,
        minor: 1,
        headers: ['x-y', 'v w', 'content-length', '0'],
        contentLength: 0,
        chunked: false,
        keepAlive: true,
        upgrade: '',
        host: 'A:80',
        keepAliveTimeoutS: -1,
        method: 'POST',
        target: '/a?b',
      },
    );
  });

  const refused: [string, string, number][] = [
    ['a bare LF', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
    ['only bare LFs', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['a bare CR', head('A: b\rc: d\r\n'), 400],
    ['a folded line', head('A: b\r\n c\r\n'), 400],
    ['a space before the colon', head('A : b\r\n'), 400],
    ['no name', head(': b\r\n'), 400],
    ['NUL in a value', head('A: b\0c\r\n'), 400],
    ['a control character in a value', head('A: b\x01\r\n'), 400],
    ['DEL in a value', head('A: \x7f\r\n'), 400],
    ['a space in a name', head('A b: c\r\n'), 400],
    ['two equal lengths', head('Content-Length: 1\r\nContent-Length: 1\r\n'), 400],
    ['a list of lengths', head('Content-Length: 1, 1\r\n'), 400],
    ['a signed length', head('Content-Length: +1\r\n'), 400],
    ['a negative length', head('Content-Length: -1\r\n'), 400],
    ['a hexadecimal length', head('Content-Length: 0x1\r\n'), 400],
    ['a length beyond 2^53', head('Content-Length: 99999999999999999999\r\n'), 400],
    ['an empty length', head('Content-Length:\r\n'), 400],
    ['length and chunked', head('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'), 400],
    ['chunked and length', head('Transfer-Encoding: chunked\r\nContent-Length: 1\r\n'), 400],
    ['chunked that is not last', head('Transfer-Encoding: chunked, gzip\r\n'), 501],
    ['another coding', head('Transfer-Encoding: gzip\r\n'), 501],
    ['chunked twice', head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), 501],
    ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['two hosts', head('Host: b\r\n'), 400],
    ['no host in HTTP/1.0 either', 'GET / HTTP/1.0\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['a host with user information', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
    ['a target with user information', 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['octets above 127 in the target', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a target that is no form', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['an asterisk for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['two spaces', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 400],
    ['lower case http', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
    ['no version', 'GET /\r\nHost: a\r\n\r\n', 400],
    ['a method with a slash', 'G/T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['too many headers', head('A: b\r\n'.repeat(101)), 431],
    ['a head too large', head(`A: ${'x'.repeat(requestLimits.maxHeadBytes)}\r\n`), 431],
    ['a target too large', `GET /${'x'.repeat(requestLimits.maxHeadBytes)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
    ['a head too large that never ends', `GET / HTTP/1.1\r\nA: ${'x'.repeat(requestLimits.maxHeadBytes)}`, 431],
  ];
  for (const [what, text, status] of refused) {
    it(`with ${what} is refused`, () => {
      assert.deepEqual(
        read(text).map((e) => (e as { error?: { status: number } }).error?.status),
        [status],
      );
    });
  }

  it('may come behind an empty line', () => {
    assert.equal(read(`\r\n${head('')}`).length, 2);
  });
});

describe('a chunked body', () => {
  const chunked = (body: string): unknown[] => read(head('Transfer-Encoding: chunked\r\n') + body).slice(1);

  it('loses its extensions and keeps its trailers, those of the connection left out', () => {
    assert.deepEqual(chunked('A;x="y"\r\n0123456789\r\n0\r\nX-T: 1\r\nConnection: x\r\nHost: b\r\n\r\n'), [
      { data: '0123456789' },
      { end: ['x-t', '1'] },
    ]);
  });

  for (const [what, body] of [
    ['without a size', '\r\nabc\r\n0\r\n\r\n'],
    ['with a space behind the size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['with a size beyond all reason', `${'f'.repeat(14)}\r\n`],
    ['whose size ends with LF alone', '3\nabc\r\n0\r\n\r\n'],
    ['whose extension ends with LF alone', '3;a\nabc\r\n0\r\n\r\n'],
    ['whose chunk is longer than it says', '3\r\nabcd\r\n0\r\n\r\n'],
    ['whose chunk ends with CR alone', '3\r\nabc\rx0\r\n\r\n'],
    ['whose chunk ends with LF alone', '3\r\nabc\n0\r\n\r\n'],
    ['with endless extensions', `3;${'x'.repeat(20_000)}`],
    ['with endless trailers', `0\r\n${'X: y\r\n'.repeat(20_000)}`],
    ['with a length among its trailers', '0\r\nContent-Length: 5\r\n\r\n'],
    ['with a coding among its trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['with a control character in an extension', '3;\x01\r\nabc\r\n0\r\n\r\n'],
    ['with a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
  ] as const) {
    it(`${what} is refused`, () => {
      const last = chunked(body).at(-1) as { error?: unknown };
      assert.ok(last.error, JSON.stringify(last));
    });
  }
});

// What any cutting of the bytes must not change.
const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const value = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,20}[\x21-\x7e])?$/);
const body = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  fc.string({ maxLength: 40 }).map((text) => ({ kind: 'length' as const, text: Buffer.from(text).toString('latin1') })),
  fc
    .record({
      chunks: fc.array(fc.stringMatching(/^[\x20-\x7e]{1,20}$/), { maxLength: 4 }),
      trailers: fc.array(fc.tuple(token, value), { maxLength: 2 }),
    })
    .map((b) => ({ kind: 'chunked' as const, ...b })),
);
const reserved = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'proxy-connection',
]);
const message = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'OPTIONS'),
  path: fc.stringMatching(/^\/[\x21\x24-\x7e]{0,30}$/),
  headers: fc.array(
    fc.tuple(token, value).filter(([name]) => !reserved.has(name.toLowerCase())),
    { maxLength: 6 },
  ),
  body,
});

type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

const write = (m: Message): string => {
  const headers = m.headers.flatMap(([name, v]) => [name.toLowerCase(), v]);
  if (m.body.kind === 'length') headers.push('content-length', String(m.body.text.length));
  const start = writeRequestHead(m.method, m.path, 'host:80', headers, [], m.body.kind === 'chunked', '');
  if (m.body.kind === 'none') return start;
  if (m.body.kind === 'length') return start + m.body.text;
  const chunks = m.body.chunks.map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join('');
  return start + chunks + writeLastChunk(trailersOf(m.body.trailers));
};

const trailersOf = (trailers: readonly (readonly [string, string])[]): string[] =>
  trailers.filter(([name]) => !reserved.has(name.toLowerCase())).flatMap(([name, v]) => [name.toLowerCase(), v]);

describe('the request reader', () => {
  it('gives the same events however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        (messages, cuts) => {
          const text = messages.map(write).join('');
          assert.deepEqual(read(text, cuts), read(text));
        },
      ),
    );
  });

  it('gives the same events for nonsense too', () => {
    const mutated = fc
      .tuple(message, fc.nat(200), fc.constantFrom('\r', '\n', '\0', ' ', ':', 'x', '\r\n'))
      .map(([m, at, what]) => {
        const text = write(m);
        return text.slice(0, at) + what + text.slice(at);
      });
    fc.assert(
      fc.property(mutated, fc.array(fc.nat(400), { maxLength: 10 }), (text, cuts) => {
        const kinds = (list: unknown[]): unknown => list.map((e) => ((e as { error?: unknown }).error ? 'error' : e));
        assert.deepEqual(kinds(read(text, cuts)), kinds(read(text)));
      }),
    );
  });

  it('reads back what the writer wrote', () => {
    fc.assert(
      fc.property(message, (m) => {
        const [first, ...rest] = read(write(m)) as [
          { head: { method: string; target: string; host: string; headers: string[] } },
        ];
        const expected = m.headers.flatMap(([name, v]) => [name.toLowerCase(), v]);
        assert.equal(first.head.method, m.method);
        assert.equal(first.head.target, m.path);
        assert.deepEqual(first.head.headers.slice(0, expected.length), expected);
        const data = m.body.kind === 'none' ? '' : m.body.kind === 'length' ? m.body.text : m.body.chunks.join('');
        const trailers = m.body.kind === 'chunked' ? trailersOf(m.body.trailers) : [];
        assert.deepEqual(rest, [...(data ? [{ data }] : []), { end: trailers }]);
      }),
    );
  });

  it('waits with a pipelined request until it is told to go on', () => {
    const seen: string[] = [];
    const reader: RequestReader = new RequestReader(
      {
        onHead: (h) => seen.push(h.target),
        onData() {},
        onEnd: () => seen.push('end'),
        onError: () => seen.push('error'),
      },
      requestLimits,
    );
    reader.push(Buffer.from('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n'));
    assert.deepEqual(seen, ['/1', 'end']);
    reader.next();
    assert.deepEqual(seen, ['/1', 'end', '/2', 'end']);
  });

  it('says so when the end comes too early', () => {
    const seen: string[] = [];
    const reader = new RequestReader(
      { onHead() {}, onData() {}, onEnd() {}, onError: (e) => seen.push(e.reason) },
      requestLimits,
    );
    reader.push(Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc'));
    reader.finish();
    reader.finish();
    assert.deepEqual(seen, ['http1.incomplete_message']);
  });
});
