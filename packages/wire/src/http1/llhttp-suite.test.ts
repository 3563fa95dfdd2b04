import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { needs, sharedDir } from '@weft/testkit/require';
import { RequestReader } from './request-reader.ts';

interface Case {
  readonly file: string;
  readonly title: string;
  readonly type: string;
  readonly raw_b64: string;
  readonly error: { readonly code: number; readonly reason: string } | null;
}

/** A parser stops at a CONNECT or an upgrade to let its caller go on: no error. */
const PAUSED = 22;
/** A method, or a protocol, that the parser's list does not have. We forward methods that we do not know. */
const METHOD = 8;

/** Where we answer otherwise than llhttp, on purpose. */
const differences: Record<string, string> = {
  'HTTP protocol and ANNOUNCE method': 'unknown methods pass',
  'M-SEARCH request': 'RFC 9112 section 3.2.4 has `*` for OPTIONS alone',
  'SOURCE request with ICE': 'only HTTP is HTTP',
  'OPTIONS request with RTSP': 'only HTTP is HTTP',
  'POST with `chunked` as last transfer-encoding': 'as Envoy, no transfer coding but chunked (501)',
};

/** llhttp leaves `host` to its caller; RFC 9112 section 3.2 demands it. */
const withHost = (raw: string): string => {
  if (/\nhost:/i.test(raw)) return raw;
  return raw.replace(/^((?:\r\n)?[^\r\n]* HTTP\/1\.1\r\n)/, '$1Host: added\r\n');
};

const refuses = (raw: string): boolean => {
  let error = false;
  let heads = 0;
  let tunnel = false;
  const reader: RequestReader = new RequestReader(
    {
      onHead(head) {
        heads++;
        tunnel = head.method === 'CONNECT' || head.upgrade !== '';
      },
      onData() {},
      onEnd() {
        if (!tunnel) reader.next();
      },
      onError() {
        error = true;
      },
    },
    { maxHeadBytes: 60 * 1024, maxHeaders: 100 },
  );
  reader.push(Buffer.from(raw, 'latin1'));
  // A head that never ends is not accepted either.
  if (heads === 0) reader.finish();
  return error;
};

it('llhttp’s requests are accepted and refused as there', { skip: needs('shared') }, (t) => {
  const path = join(sharedDir, 'suites/llhttp/request-cases.json');
  const cases = (JSON.parse(readFileSync(path, 'utf8')) as Case[]).filter((c) => c.type === 'request');
  const wrong: string[] = [];
  let right = 0;
  for (const c of cases) {
    const expected = c.error !== null && c.error.code !== PAUSED;
    const got = refuses(withHost(Buffer.from(c.raw_b64, 'base64').toString('latin1')));
    if (got === expected) right++;
    else if (!(c.title in differences) && c.error?.code !== METHOD)
      wrong.push(`${c.file}: ${c.title} (${c.error?.reason ?? 'valid'})`);
  }
  t.diagnostic(`${right} of ${cases.length}; on purpose otherwise: ${Object.keys(differences).join('; ')}`);
  assert.deepEqual(wrong, []);
});
