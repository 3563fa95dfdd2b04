import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadMesh } from '../load.ts';
import { LARGE_CHARS, MAX_CHARS, problemOfLarge, startOf } from './large-document.ts';

/** So much that is not plain, so that our own parser leaves it, and fine. */
const filler = `# ${'x'.repeat(LARGE_CHARS)}\nx: &x\n  k: |\n    text\ny: *x\n`;

const said = (text: string): string => {
  const problem = problemOfLarge(text);
  return problem ? `${problem.at.line}:${problem.at.column} ${problem.message}` : 'nothing';
};

test('a large document that is fine is fine', () => {
  assert.equal(said(filler), 'nothing');
  assert.equal(said(`${filler}z: ${'['.repeat(200)}${']'.repeat(200)}\n`), 'nothing');
});

test('the first error of a large document, a key repeated, and too deep a structure are found', () => {
  assert.match(said(`${filler}z: [\nw: 1\n`), /^7:1 /);
  assert.match(said(`${filler}"a" "b" ${'"c" '.repeat(100_000)}`), /^6:\d+ /);
  assert.equal(said(`${filler}a: 1\nb: 2\na: 3\n`), '8:1 Map keys must be unique');
  assert.equal(said(`${filler}z: ${'['.repeat(201)}`), '6:204 nested more than 200 deep');
  assert.equal(said(`${filler}z:\n${'- '.repeat(201)}a\n`), '7:401 nested more than 200 deep');
});

test('keys that are many are no repeated ones, and cost little', () => {
  const keys = Array.from({ length: 50_000 }, (_, i) => `k${i}: ${i}\n`).join('');
  assert.equal(said(filler + keys), 'nothing');
});

test('of a document too large to parse the start is said', () => {
  assert.match(
    said(`# a\n\n  x: ${'y'.repeat(MAX_CHARS)}`),
    /^3:3 a document of \d+ characters; at most 4194304 are read/,
  );
  assert.deepEqual(startOf('# only\n'), { line: 1, column: 1 });
});

test('a good object in a large file with anchors is read, a bad one in it is said with its place', () => {
  const service = (port: number): string =>
    `${filler}apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{name: http, port: ${port}}]}\n`;
  const { mesh } = loadMesh([{ path: 'a.yaml', text: service(80) }]);
  assert.equal(mesh.services.size, 1);
  const { diagnostics } = loadMesh([{ path: 'a.yaml', text: service(0) }]);
  assert.ok(
    diagnostics.some((d) => d.line === 9 && d.level === 'error'),
    JSON.stringify(diagnostics),
  );
});
