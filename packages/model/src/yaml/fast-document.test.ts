import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs, sharedDir } from '@weft/testkit/require';
import * as fc from 'fast-check';
import { type ManifestDocument, readDocuments } from '../manifest-document.ts';
import { ManifestFile } from '../manifest-file.ts';
import { parseFastDocument } from './fast-document.ts';

const valuesOf = (documents: readonly ManifestDocument[]): unknown[] =>
  documents.map((document) => document.value).filter((value) => value !== null && value !== undefined);

/**
 * The fast way must say what the `yaml` package says of the whole text. Where that finds a mistake, its parser takes what
 * follows `---` along with it; the fast way does not, so of several documents it may say more, and more exactly.
 */
const sameBothWays = (text: string): void => {
  const file = new ManifestFile('a.yaml', text);
  const slow = readDocuments(text);
  const mistakes = slow.flatMap(({ problem }) => (problem ? [problem] : []));
  const says = JSON.stringify({ text, errors: file.errors, mistakes });
  // A line --- ends a document even within quotes (https://yaml.org/spec/1.2.2/#912-document-markers), where `yaml` reads on.
  if (file.errors.some(({ message }) => message.startsWith('Missing closing'))) return;
  assert.equal(file.errors.length === 0, mistakes.length === 0, says);
  if (mistakes.length === 0) assert.deepStrictEqual(valuesOf(file.documents), valuesOf(slow), says);
  else if (file.documents.length === 1) assert.deepStrictEqual(file.errors, mistakes, says);
};

const manifestsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .filter((text) => text.length < 200_000);

const goldens = manifestsIn(join(import.meta.dirname, '../../../translate/src'));

test('the manifests of all goldens are read the same by both parsers, nearly all by the fast one', () => {
  let [fast, all] = [0, 0];
  for (const text of goldens) {
    sameBothWays(text);
    for (const section of text.split(/^(?=---(?:\s|$))/m)) {
      all++;
      if (parseFastDocument(section)) fast++;
    }
  }
  assert.ok(fast > all * 0.9, `${fast} of ${all}`);
});

test('the manifests of seed configuration and suites are read the same by both parsers', {
  skip: needs('shared'),
}, () => {
  for (const folder of ['seed-config', 'suites'])
    for (const text of manifestsIn(join(sharedDir, folder))) sameBothWays(text);
});

/** Pieces of YAML that mean something to a parser, in any order. */
const piece = fc.constantFrom(
  ...[
    'a',
    'b: ',
    'c:',
    '- ',
    '-',
    '? ',
    ': ',
    ' ',
    '  ',
    '    ',
    '\n',
    '\n',
    '\n  ',
    '\n- ',
    '\n---\n',
    '--- ',
    '\n...\n',
    '# x',
    ' # y',
  ],
  ...[
    '"q"',
    '"q\\n"',
    "'s'",
    "'it''s'",
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    ', ',
    ',',
    '{a: 1, "b":2}',
    '[x, y]',
    '[',
    '|',
    '|-',
    '>',
    '|+',
    '|2',
  ],
  ...[
    '&x ',
    '*x',
    '!!str ',
    '<<: ',
    '%YAML 1.2',
    '@',
    '`',
    '~',
    'null',
    'true',
    'no',
    '1',
    '-1',
    '1.5',
    '0x1F',
    '0o17',
    '1e3',
    '.5',
    '.inf',
  ],
  ...[
    '+1',
    '08',
    '1_000',
    '1:30',
    'a:b',
    'http://x/y',
    'a#b',
    '\t',
    '\r\n',
    '\ufeff',
    'é',
    '__proto__: 1',
    'constructor: 2',
    'a: 1\n',
    'b: 2\n',
  ],
);

test('any text is read the same by both parsers', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => sameBothWays(pieces.join(''))),
    { numRuns: 4000 },
  );
});

/** Values written in block style, as people write them. */
const scalar = fc.oneof(
  fc.integer(),
  fc.boolean(),
  fc.constantFrom('x', 'a b', '"q: 1"', "'s'", '1.5', '10.0.0.1', '', '~', '{a: [1, "2"]}', '[]'),
);
const tree = fc.letrec((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, scalar, tie('map'), tie('list')),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'name', 'x-y', '8080', '"q"'), tie('node'), { maxKeys: 4 }),
  list: fc.array(tie('node'), { maxLength: 4 }),
})).map;

const write = (value: unknown, indent: string): string => {
  if (typeof value !== 'object' || value === null) return ` ${String(value)}\n`;
  if (Array.isArray(value))
    return value.length === 0
      ? ' []\n'
      : `\n${value.map((item) => `${indent}-${write(item, `${indent}  `)}`).join('')}`;
  const entries = Object.entries(value);
  return entries.length === 0
    ? ' {}\n'
    : `\n${entries.map(([k, v]) => `${indent}${k}:${write(v, `${indent}  `)}`).join('')}`;
};

test('a mutation of a manifest is read the same by both parsers', () => {
  fc.assert(
    fc.property(tree, tree, fc.nat(), fc.nat({ max: 8 }), piece, (a, b, at, length, inserted) => {
      const text = `${write(a, '').slice(1)}---${write(b, '')}`;
      sameBothWays(text);
      const from = at % (text.length + 1);
      sameBothWays(text.slice(0, from) + inserted + text.slice(from + length));
    }),
    { numRuns: 1500 },
  );
});

test('a document whose text did not change is not parsed again, and knows its new place', () => {
  const doc = (name: string): string => `kind: X\nmetadata:\n  name: ${name}\n`;
  const before = new ManifestFile('a.yaml', [doc('a'), doc('b'), doc('c')].join('---\n'));
  const after = new ManifestFile('a.yaml', [doc('a'), '# a comment\n', doc('b2'), doc('c')].join('---\n'), before);
  assert.equal(after.documents[0], before.documents[0]);
  const [c] = before.documents.slice(-1) as [ManifestDocument];
  assert.equal(after.documents.at(-1), c);
  assert.deepEqual(before.position(c, ['metadata', 'name']), { line: 11, column: 3 });
  assert.deepEqual(after.position(c, ['metadata', 'name']), { line: 13, column: 3 });
});
