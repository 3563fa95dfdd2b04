import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseRequestHead, RequestHead } from '../http1/request-head.ts';
import { writeRequestHead } from '../http1/write-head.ts';
import { bareServer, dataFrame, headersFrame, request } from '../testing/http2-frames.ts';
import { errorCodes } from './error-codes.ts';
import { frameType } from './frame-types.ts';
import type { Http2RequestHead } from './heads.ts';
import type { Http2Options } from './options.ts';

/** The head that a request is read as, or the code of the RST_STREAM that answers it. */
const read = (
  fields: readonly string[],
  options: Partial<Http2Options> = {},
  endStream = true,
): Http2RequestHead | number => {
  let head: Http2RequestHead | null = null;
  const server = bareServer({ onStream: (_, h) => void (head = h) }, options);
  server.push(headersFrame(1, fields, endStream));
  if (head !== null) return head;
  const reset = server.sent().find((f) => f.type === frameType.RST_STREAM);
  assert.equal(server.error, '', 'the connection goes on');
  return reset?.payload.readUInt32BE() ?? -1;
};

const accepted = (fields: readonly string[], options: Partial<Http2Options> = {}): Http2RequestHead => {
  const head = read(fields, options);
  assert.ok(typeof head === 'object', `refused with ${JSON.stringify(head)}`);
  return head;
};

describe('a request', () => {
  it('is read into what HTTP/1 would have said', () => {
    const head = accepted([...request('POST', '/a?b'), 'x-a', 'b', 'content-length', '0', 'te', 'trailers']);
    assert.equal(head.method, 'POST');
    assert.equal(head.path, '/a?b');
    assert.equal(head.scheme, 'http');
    assert.equal(head.authority, 'a.test');
    assert.deepEqual(head.headers, ['x-a', 'b', 'content-length', '0', 'te', 'trailers']);
    assert.equal(head.contentLength, 0);
    assert.equal(head.endStream, true);
  });

  it('has its cookie crumbs joined, for HTTP/1 knows one cookie header', () => {
    const head = accepted([...request(), 'cookie', 'a=1', 'x-a', 'b', 'cookie', 'c=2', 'cookie', '']);
    assert.deepEqual(head.headers, ['x-a', 'b', 'cookie', 'a=1; c=2']);
  });

  it('takes its authority from host where there is no other, and never has two that differ', () => {
    const bare = [':method', 'GET', ':scheme', 'http', ':path', '/'];
    assert.equal(accepted([...bare, 'host', 'b.test:80']).authority, 'b.test:80');
    const both = accepted([...request(), 'host', 'A.test']);
    assert.equal(both.authority, 'a.test');
    assert.deepEqual(both.headers, []);
    assert.equal(read([...request(), 'host', 'b.test']), errorCodes.PROTOCOL_ERROR);
    assert.equal(read([...bare, 'host', 'a', 'host', 'a']), errorCodes.PROTOCOL_ERROR);
    assert.equal(read(bare), errorCodes.PROTOCOL_ERROR);
  });

  it('with CONNECT names an authority and nothing else', () => {
    const head = accepted([':method', 'CONNECT', ':authority', 'a.test:443']);
    assert.equal(head.authority, 'a.test:443');
    assert.equal(head.path, '');
    assert.equal(
      read([':method', 'CONNECT', ':authority', 'a:1', ':scheme', 'http', ':path', '/']),
      errorCodes.PROTOCOL_ERROR,
    );
    assert.equal(read([':method', 'CONNECT', 'host', 'a:1']), errorCodes.PROTOCOL_ERROR);
  });

  it('with CONNECT carries another protocol where that was allowed', () => {
    const fields = [...request('CONNECT', '/chat'), ':protocol', 'websocket'];
    assert.equal(accepted(fields, { enableConnect: true }).protocol, 'websocket');
    assert.equal(read(fields), errorCodes.PROTOCOL_ERROR);
    assert.equal(
      read([...request('GET'), ':protocol', 'websocket'], { enableConnect: true }),
      errorCodes.PROTOCOL_ERROR,
    );
  });

  const pseudo = request();
  const without = (name: string): string[] => pseudo.filter((_, i) => pseudo[i & ~1] !== name);
  const malformed: Record<string, string[]> = {
    'no method': without(':method'),
    'no scheme': without(':scheme'),
    'no path': without(':path'),
    'an empty path': request('GET', ''),
    'a path that is none': request('GET', 'a'),
    'a star that is not for OPTIONS': request('GET', '*'),
    'a path with a space': request('GET', '/a b'),
    'a path with a line break': request('GET', '/ HTTP/1.1\r\nx: y'),
    'a path with a fragment': request('GET', '/a#b'),
    'a method with a space': request('GET /x'),
    'a method with a line break': request('GET\r\n'),
    'an empty method': request(''),
    'a scheme that is none': [...without(':scheme').slice(0, 2), ':scheme', 'a b', ...without(':scheme').slice(2)],
    'an authority with user information': [...without(':authority'), ':authority', 'user@a.test'],
    'an authority with a path': [...without(':authority'), ':authority', 'a.test/b'],
    'an empty authority': [...without(':authority'), ':authority', ''],
    'a path twice': [...pseudo, ':path', '/'],
    'an unknown pseudo-header': [...pseudo, ':x', 'y'],
    'a pseudo-header of responses': [...pseudo, ':status', '200'],
    'a pseudo-header behind a header': ['x-a', 'b', ...pseudo],
    'an upper case name': [...pseudo, 'X-a', 'b'],
    'a name with a colon': [...pseudo, 'x:a', 'b'],
    'a name with a space': [...pseudo, 'x a', 'b'],
    'an empty name': [...pseudo, '', 'b'],
    'a value with CR LF': [...pseudo, 'x-a', 'b\r\nx-c: d'],
    'a value with LF': [...pseudo, 'x-a', 'b\nc'],
    'a value with NUL': [...pseudo, 'x-a', 'b\0c'],
    'a value that begins with a space': [...pseudo, 'x-a', ' b'],
    'a value that ends with a tab': [...pseudo, 'x-a', 'b\t'],
    connection: [...pseudo, 'connection', 'x-a'],
    'keep-alive': [...pseudo, 'keep-alive', '1'],
    'proxy-connection': [...pseudo, 'proxy-connection', 'close'],
    'transfer-encoding': [...pseudo, 'transfer-encoding', 'chunked'],
    upgrade: [...pseudo, 'upgrade', 'h2c'],
    'te other than trailers': [...pseudo, 'te', 'gzip'],
    'two content-lengths': [...pseudo, 'content-length', '0', 'content-length', '0'],
    'a content-length that is none': [...pseudo, 'content-length', '+1'],
    'a content-length and no body': [...pseudo, 'content-length', '1'],
  };
  for (const [what, fields] of Object.entries(malformed))
    it(`is refused, and the connection kept, for ${what}`, () => {
      assert.equal(read(fields), errorCodes.PROTOCOL_ERROR);
    });

  it('that is too large is answered 431, and the next one served', () => {
    const heads: string[] = [];
    const server = bareServer(
      { onStream: (_, head) => void heads.push(head.path) },
      { maxHeadBytes: 1000, maxHeaders: 20 },
    );
    server.push(headersFrame(1, [...request(), 'x-a', 'b'.repeat(1000)]));
    server.push(headersFrame(3, [...request(), ...Array.from({ length: 40 }, () => ['x-a', 'b']).flat()]));
    server.push(headersFrame(5, request('GET', '/next')));
    const answers = server.sent().filter((f) => f.type === frameType.HEADERS);
    assert.deepEqual(
      answers.map((f) => f.streamId),
      [1, 3],
    );
    assert.deepEqual(heads, ['/next']);
    assert.equal(server.counters.header_overflow, 2);
    assert.equal(server.error, '');
  });

  it('must keep to its content-length', () => {
    const fields = [...request('POST'), 'content-length', '5'];
    const bodies: [string, Buffer[], ok: boolean][] = [
      ['exact', [dataFrame(1, 'he'), dataFrame(1, 'llo', true)], true],
      ['exact, end apart', [dataFrame(1, 'hello'), dataFrame(1, '', true)], true],
      ['exact, with trailers', [dataFrame(1, 'hello'), headersFrame(1, ['x-a', 'b'])], true],
      ['longer', [dataFrame(1, 'hello!')], false],
      ['shorter', [dataFrame(1, 'hell', true)], false],
      ['shorter, with trailers', [dataFrame(1, 'hell'), headersFrame(1, ['x-a', 'b'])], false],
      ['none', [dataFrame(1, '', true)], false],
    ];
    for (const [what, frames, ok] of bodies) {
      const told: string[] = [];
      const server = bareServer({
        onStream(stream) {
          stream.sink = {
            onData: (b, s, e) => void told.push(b.toString('latin1', s, e)),
            onEnd: () => void told.push('end'),
            onReset: (code) => void told.push(`reset ${code}`),
            onWritable: () => undefined,
          };
        },
      });
      server.push(headersFrame(1, fields, false), ...frames);
      assert.equal(told.at(-1), ok ? 'end' : `reset ${errorCodes.PROTOCOL_ERROR}`, what);
      assert.ok(told.slice(0, -1).join('').length <= 5, what);
    }
  });

  it('may have no trailers that are pseudo-headers, frame a message or do not end it', () => {
    const bad: [string, Buffer][] = [
      ['pseudo', headersFrame(1, [':path', '/'])],
      ['content-length', headersFrame(1, ['content-length', '5'])],
      ['transfer-encoding', headersFrame(1, ['transfer-encoding', 'chunked'])],
      ['line break', headersFrame(1, ['x-a', 'b\r\nc: d'])],
      ['no end', headersFrame(1, ['x-a', 'b'], false)],
    ];
    for (const [what, trailers] of bad) {
      const server = bareServer();
      server.push(headersFrame(1, request('POST'), false), trailers);
      const reset = server.sent().find((f) => f.type === frameType.RST_STREAM);
      assert.equal(reset?.payload.readUInt32BE(), errorCodes.PROTOCOL_ERROR, what);
    }
  });
});

it('whatever is accepted can be said in HTTP/1 and is read the same there', () => {
  const text = fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets).toString('latin1'));
  const likely = (...texts: string[]): fc.Arbitrary<string> =>
    fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...texts) }, { weight: 1, arbitrary: text });
  const arbitrary = fc.record({
    method: likely('GET', 'POST', 'OPTIONS'),
    path: likely('/', '*', '/a?b=c', '/%0d%0a', '//x', 'http://b/'),
    authority: likely('a.test', 'a.test:80', '[::1]:1', 'a.test\t'),
    headers: fc.array(
      fc.tuple(likely('x-a', 'cookie', 'content-length', 'host', 'te'), likely('b', '5', 'trailers', '')),
      { maxLength: 5 },
    ),
  });
  let count = 0;
  fc.assert(
    fc.property(arbitrary, ({ method, path, authority, headers }) => {
      const fields = [':method', method, ':scheme', 'http', ':path', path, ':authority', authority, ...headers.flat()];
      const head = read(fields, {}, false);
      if (typeof head === 'number') return;
      count++;
      const chunked = head.contentLength === -1;
      const written = writeRequestHead(head.method, head.path, head.authority, head.headers, [], chunked, '');
      const again = new RequestHead();
      const error = parseRequestHead(written.slice(0, -2), again, { maxHeadBytes: 60_000, maxHeaders: 100 });
      assert.equal(error, null, JSON.stringify(written));
      assert.equal(again.target, head.path);
      assert.equal(again.host, head.authority);
      assert.deepEqual(again.headers, head.headers);
    }),
    { numRuns: 2000 },
  );
  assert.ok(count > 100, `only ${count} were accepted`);
});
