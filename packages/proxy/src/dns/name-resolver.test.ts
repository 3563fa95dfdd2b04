import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHosts, systemNameResolver } from './name-resolver.ts';

test('the hosts file: several names, both families, comments, any case', () => {
  const hosts = parseHosts(
    '127.0.0.1 localhost Here.Test # me\n::1 localhost\n\n# 10.0.0.1 no\n10.1.2.3\tdb.test  db\n',
  );
  assert.deepEqual(
    [...hosts],
    [
      ['localhost', ['127.0.0.1', '::1']],
      ['here.test', ['127.0.0.1']],
      ['db.test', ['10.1.2.3']],
      ['db', ['10.1.2.3']],
    ],
  );
});

test('localhost is resolved without any name server', async () => {
  const { addresses, ttlMs } = await systemNameResolver()('localhost');
  assert.ok(addresses.includes('127.0.0.1') || addresses.includes('::1'));
  assert.ok(ttlMs > 0);
});
