import type { Random } from '@weft/base/random';
import type { Manifest } from './corpus.ts';

type Tree = Record<string, unknown> | unknown[];

/** Values that are wrong nearly everywhere, or right where one would not expect it. */
const NASTY: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  1e308,
  -1e308,
  4294967296,
  9007199254740991,
  65536,
  100,
  900,
  '',
  ' ',
  '*',
  '*.',
  '*.*',
  'a.*',
  '.',
  '..',
  '/',
  '//',
  '/*',
  '%',
  '%2f',
  '0',
  '-1',
  '80',
  'http',
  'HTTP/1.1',
  '0s',
  '-1s',
  '1ns',
  '999999h',
  '1.5s',
  '1s ',
  'P1D',
  '1e9s',
  '900m',
  '(',
  '[a-',
  '(a+)+$',
  '.*',
  '^$',
  '(?i)x',
  '\\',
  '\\p{L}',
  'a{1,1000000}',
  'spiffe://',
  'cluster.local/ns/*/sa/*',
  '10.0.0.0/8',
  '10.0.0.1/33',
  '::1',
  '0.0.0.0',
  'istio-system',
  'ä€💥',
  '\u0000',
  '\u202e',
  '\r\n',
  'x-a: b',
  'a'.repeat(5000),
  '__proto__',
  'constructor',
  '{{ .Values.x }}',
  [],
  {},
  [[]],
  [null],
  [{}],
  { '': '' },
  { '*': {} },
  { exact: '' },
  { prefix: '' },
  { regex: '(' },
  { exact: 'a', prefix: 'b' },
];

/** A copy of a file's objects with a few things changed, some of them taken from other files. */
export const mutate = (manifest: Manifest, others: readonly Manifest[], random: Random): unknown[] => {
  const objects = structuredClone(manifest) as unknown[];
  const edits = 1 + Math.floor(random() * 3);
  for (let i = 0; i < edits; i++) edit(objects, others, random);
  return objects;
};

const pick = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)] as T;

const edit = (objects: unknown[], others: readonly Manifest[], random: Random): void => {
  const places = placesIn(objects);
  if (places.length === 0) return;
  const { tree, key } = pick(places, random);
  const value = (tree as Record<string, unknown>)[key];
  const kind = random();
  if (kind < 0.45) set(tree, key, pick(NASTY, random));
  else if (kind < 0.55) remove(tree, key);
  else if (kind < 0.65 && Array.isArray(tree)) tree.push(structuredClone(value));
  else if (kind < 0.9) {
    // What stands under the same field elsewhere: right by type, wrong by sense.
    const same = placesIn(pick(others, random) as unknown[]).filter((place) => place.key === key);
    if (same.length === 0) return;
    const from = pick(same, random);
    set(tree, key, structuredClone((from.tree as Record<string, unknown>)[from.key]));
  } else if (!Array.isArray(tree))
    set(tree, pick(['unknownField', '', '💥', `${key}s`], random), structuredClone(value));
};

const set = (tree: Tree, key: string, value: unknown): void => {
  if (key === '__proto__') return;
  (tree as Record<string, unknown>)[key] = value;
};

const remove = (tree: Tree, key: string): void => {
  if (Array.isArray(tree)) tree.splice(Number(key), 1);
  else delete tree[key];
};

const placesIn = (tree: Tree): { readonly tree: Tree; readonly key: string }[] =>
  Object.entries(tree).flatMap(([key, value]) => [
    { tree, key },
    ...(typeof value === 'object' && value !== null ? placesIn(value as Tree) : []),
  ]);

/** As a file: a JSON document each, which YAML reads. */
export const asText = (objects: readonly unknown[]): string => objects.map((o) => JSON.stringify(o)).join('\n---\n');
