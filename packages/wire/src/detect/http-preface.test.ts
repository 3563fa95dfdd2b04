import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HttpPreface, MAX_LINE_BYTES, sniffHttp } from './http-preface.ts';

const sniff = (text: string): HttpPreface => sniffHttp(Buffer.from(text, 'latin1'));

describe('the first bytes of a plaintext connection', () => {
  it('are HTTP once the request line or the preface is complete, and never before', () => {
    for (const [text, found] of [
      ['GET / HTTP/1.1\r\n', 'http/1.1'],
      ['POST /a?b=c HTTP/1.0\r\n', 'http/1.0'],
      ['OPTIONS * HTTP/1.1\n', 'http/1.1'],
      ['CONNECT a:443 HTTP/1.1\r\n', 'http/1.1'],
      ['M-SEARCH * HTTP/1.1\r\n', 'http/1.1'],
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'h2c'],
    ] as const) {
      for (let i = 0; i < text.length; i++)
        assert.equal(sniff(text.slice(0, i)), 'more', JSON.stringify(text.slice(0, i)));
      assert.equal(sniff(text), found);
      assert.equal(sniff(`${text}and more`), found);
    }
  });

  it('are something else as soon as that can be told', () => {
    for (const text of [
      '\x16\x03\x01',
      '\0\0\0\x08',
      '*1\r\n',
      ' GET',
      'GET\r\n',
      'PING\r\n',
      'EHLO me\r\n',
      'GET / HTTP/3.0\r\n',
      'GET / HTTP/1.1 x\r\n',
      'GET  / HTTP/1.1\r\n',
      'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n',
      'SSH-2.0-OpenSSH_9.9\r\n',
      'x'.repeat(40),
      `GET /${'a'.repeat(MAX_LINE_BYTES)}`,
    ])
      assert.equal(sniff(text), 'other', JSON.stringify(text.slice(0, 40)));
  });

  it('never make it throw or change its mind', () => {
    fc.assert(
      fc.property(fc.constantFrom('', 'GET / ', 'PRI * '), fc.uint8Array({ maxLength: 60 }), (text, rest) => {
        const bytes = Buffer.concat([Buffer.from(text), rest]);
        const last = sniffHttp(bytes);
        for (let i = 0; i < bytes.length; i++) {
          const before = sniffHttp(bytes.subarray(0, i));
          assert.ok(before === 'more' || before === last);
        }
      }),
    );
  });
});
