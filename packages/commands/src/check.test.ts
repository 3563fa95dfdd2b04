import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Diagnostic } from '@weft/base/diagnostic';
import { FakeClock } from '@weft/testkit/fake-clock';
import { repoRoot } from '@weft/testkit/require';
import { check } from './check.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-check-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const run = (path: string, output: 'text' | 'json' = 'text'): { code: number; text: string } => {
  let text = '';
  const code = check({ paths: [path], output, clock: new FakeClock(), write: (part) => (text += part) });
  return { code, text };
};

describe('weft check', () => {
  it('has nothing to say about the bookshop', () => {
    const { code, text } = run(join(repoRoot, 'examples/bookshop'));
    assert.equal(code, 0);
    assert.match(text, /^\d+ files: 0 errors, 0 warnings\n$/);
  });

  it('names file, line and column, and answers 1 where there is an error', () => {
    writeFileSync(
      join(dir, 'a.yaml'),
      'apiVersion: networking.istio.io/v1\nkind: VirtualServce\nmetadata: { name: x }\n',
    );
    const { code, text } = run(dir);
    assert.equal(code, 1);
    assert.match(text, /a\.yaml:2:1: error WEFT0003 .*VirtualService/);
  });

  it('says the same as JSON, field by field', () => {
    writeFileSync(join(dir, 'a.yaml'), 'a: [\n');
    const { code, text } = run(dir, 'json');
    const [first] = JSON.parse(text) as Diagnostic[];
    assert.equal(code, 1);
    assert.deepEqual(Object.keys(first as object), [
      'file',
      'line',
      'column',
      'level',
      'code',
      'istioCode',
      'kind',
      'namespace',
      'name',
      'message',
      'hint',
    ]);
    assert.equal(first?.code, 'WEFT0001');
  });

  it('answers 1 for a path that is not there', () => {
    const { code, text } = run(join(dir, 'missing'));
    assert.equal(code, 1);
    assert.match(text, /missing:1:1: error WEFT0011: cannot be read \(ENOENT\)/);
  });
});
