import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CompileFailure } from './compile/failure.ts';
import { foldHeaderSteps, type HeaderStep, headerSteps } from './compile/header-operations.ts';
import { applyHeaderOperations, noHeaderOperations } from './header-operations.ts';
import type { HeaderOperations } from './runtime-config.ts';

const name = fc.constantFrom('a', 'b');
const value = fc.constantFrom('1', '2', '3');
const step: fc.Arbitrary<HeaderStep> = fc.oneof(
  fc.record({ kind: fc.constant('remove' as const), name }),
  fc.record({
    kind: fc.constantFrom('set' as const, 'overwrite' as const, 'addIfAbsent' as const, 'add' as const),
    name,
    value,
  }),
);

const single = (s: HeaderStep): HeaderOperations => {
  const none: HeaderOperations = { remove: [], set: [], add: [] };
  return s.kind === 'remove' ? { ...none, remove: [s.name] } : { ...none, [s.kind]: [s.name, s.value] };
};

const valuesByName = (headers: readonly string[]): Record<string, string[]> => {
  const result: Record<string, string[]> = {};
  for (let i = 0; i < headers.length; i += 2) (result[headers[i] as string] ??= []).push(headers[i + 1] as string);
  return result;
};

test('folded steps have the effect of the steps one by one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.array(fc.tuple(name, value), { maxLength: 4 }), (steps, pairs) => {
      const oneByOne = pairs.flat();
      for (const s of steps) applyHeaderOperations(single(s), oneByOne);
      const atOnce = pairs.flat();
      applyHeaderOperations(foldHeaderSteps(steps), atOnce);
      assert.deepEqual(valuesByName(atOnce), valuesByName(oneByOne));
    }),
    { numRuns: 2000 },
  );
});

test('no steps are the shared operations that cost nothing', () => {
  assert.equal(foldHeaderSteps([]), noHeaderOperations);
});

test('a level removes before it adds, and adds by its actions', () => {
  const header = (key: string, v: string): { key: string; value: string } => ({ key, value: v });
  const steps = headerSteps(
    [
      { header: header('X-A', '1') },
      { header: header('x-b', '2'), appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      { header: header('x-c', '3'), append: false },
      { header: header('x-d', '100%%'), appendAction: 'ADD_IF_ABSENT' },
      { header: header('x-e', '') },
      { header: header('x-f', ''), keepEmptyValue: true },
    ],
    ['X-A'],
    'add',
    'remove',
  );
  const headers = ['x-a', 'old', 'x-b', 'old', 'x-c', 'old', 'x-c', 'older', 'host', 'h'];
  applyHeaderOperations(foldHeaderSteps(steps), headers);
  assert.deepEqual(valuesByName(headers), {
    host: ['h'],
    'x-a': ['1'],
    'x-b': ['2'],
    'x-c': ['3'],
    'x-d': ['100%'],
    'x-f': [''],
  });
});

test('pseudo headers, host, format commands and line breaks are refused', () => {
  const refused = (key: string, v: string): void =>
    assert.throws(
      () => headerSteps([{ header: { key, value: v } }], [], 'add', 'remove'),
      CompileFailure,
      `${key}: ${v}`,
    );
  refused(':path', '/');
  refused('Host', 'x');
  refused('a b', 'x');
  refused('x', '%REQ(:path)%');
  refused('x', '5%');
  refused('x', 'a\r\nb: c');
});
