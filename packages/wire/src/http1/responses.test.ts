import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { events, requestLimits } from '../testing/events.ts';
import { ResponseReader } from './response-reader.ts';
import { writeResponseHead } from './write-head.ts';

const read = (method: string, text: string, cuts: readonly number[] = []): unknown[] =>
  events(
    (sink) => {
      const reader = new ResponseReader(sink, requestLimits);
      reader.expect(method);
      return reader;
    },
    text,
    cuts,
  );

const kinds = (list: unknown[]): string[] =>
  list.map((e) => {
    const event = e as { head?: { status: number }; data?: string; error?: { reason: string } };
    return event.head
      ? `head ${event.head.status}`
      : event.data !== undefined
        ? `data ${event.data}`
        : event.error
          ? event.error.reason
          : 'end';
  });

describe('a response', () => {
  it('ends where RFC 9112 section 6.3 says', () => {
    const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
    assert.deepEqual(kinds(read('GET', `${sized}ok`)), ['head 200', 'data ok', 'end']);
    assert.deepEqual(kinds(read('HEAD', sized)), ['head 200', 'end']);
    assert.deepEqual(kinds(read('GET', 'HTTP/1.1 204 No Content\r\n\r\n')), ['head 204', 'end']);
    assert.deepEqual(kinds(read('GET', 'HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n')), ['head 304', 'end']);
    assert.deepEqual(kinds(read('GET', 'HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n')), [
      'head 200',
      'data a',
      'end',
    ]);
    assert.deepEqual(kinds(read('CONNECT', 'HTTP/1.1 200 OK\r\n\r\nbytes')), ['head 200', 'data bytes']);
    assert.deepEqual(kinds(read('GET', 'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes')), [
      'head 101',
      'data bytes',
    ]);
  });

  it('may have informational ones before it', () => {
    assert.deepEqual(
      kinds(
        read(
          'GET',
          'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
        ),
      ),
      ['head 100', 'head 103', 'head 200', 'end'],
    );
  });

  it('lasts until the connection closes where nothing else says', () => {
    const list: string[] = [];
    const reader = new ResponseReader(
      {
        onHead: (head) => list.push(`${head.status} ${head.keepAlive}`),
        onData: (buffer, start, end) => list.push(buffer.toString('latin1', start, end)),
        onEnd: () => list.push('end'),
        onError: () => list.push('error'),
      },
      requestLimits,
    );
    reader.expect('GET');
    reader.push(Buffer.from('HTTP/1.1 200 OK\r\n\r\nall'));
    reader.finish();
    assert.deepEqual(list, ['200 false', 'all', 'end']);
  });

  for (const [what, text] of [
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a short status', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a long status', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status of 0', 'HTTP/1.1 000 OK\r\n\r\n'],
    ['length and chunked', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a control character in the reason', 'HTTP/1.1 200 O\x01K\r\n\r\n'],
    ['a CR in a value', 'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n'],
  ] as const) {
    it(`with ${what} is refused`, () => {
      assert.match(kinds(read('GET', text)).join(), /^http1\./);
    });
  }

  it('is the same however it is cut', () => {
    const status = fc.constantFrom(200, 201, 404, 503);
    const bodies = fc.oneof(fc.constant(null), fc.stringMatching(/^[\x20-\x7e]{0,30}$/));
    fc.assert(
      fc.property(status, bodies, fc.array(fc.nat(200), { maxLength: 12 }), (code, text, cuts) => {
        const bytes =
          text === null
            ? `${writeResponseHead(1, code, '', ['a', 'b'], true, true, '')}2\r\nab\r\n0\r\nt: u\r\n\r\n`
            : writeResponseHead(1, code, '', ['content-length', String(text.length)], false, true, '') + text;
        assert.deepEqual(read('GET', bytes, cuts), read('GET', bytes));
        assert.equal(kinds(read('GET', bytes, cuts)).at(-1), 'end');
      }),
    );
  });
});

it('keep-alive: timeout says how long a server waits', () => {
  const [event] = read(
    'GET',
    'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=10\r\nContent-Length: 0\r\n\r\n',
  ) as [{ head: { keepAliveTimeoutS: number; headers: string[] } }];
  assert.equal(event.head.keepAliveTimeoutS, 5);
  assert.deepEqual(event.head.headers, ['content-length', '0']);
});
