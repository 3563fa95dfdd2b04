import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeRequestHead } from './write-head.ts';

test('a request without content says so where its method could have some', () => {
  const write = (method: string, headers: readonly string[] = [], chunked = false, upgrade = ''): string =>
    writeRequestHead(method, '/', 'a', headers, ['x-more', '1'], chunked, upgrade);
  const plain = (method: string): string => `${method} / HTTP/1.1\r\nhost: a\r\nx-more: 1\r\n\r\n`;
  for (const method of ['GET', 'HEAD', 'DELETE', 'TRACE']) assert.equal(write(method), plain(method));
  assert.equal(write('POST'), 'POST / HTTP/1.1\r\nhost: a\r\nx-more: 1\r\ncontent-length: 0\r\n\r\n');
  assert.equal(
    write('PUT', ['content-length', '5']),
    'PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nx-more: 1\r\n\r\n',
  );
  assert.equal(
    write('POST', [], true),
    'POST / HTTP/1.1\r\nhost: a\r\nx-more: 1\r\ntransfer-encoding: chunked\r\n\r\n',
  );
  assert.equal(
    write('POST', [], false, 'websocket'),
    'POST / HTTP/1.1\r\nhost: a\r\nx-more: 1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  );
});
