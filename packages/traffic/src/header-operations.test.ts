import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CompileFailure } from './compile/failure.ts';
import { emptyAccessRecord } from '@weft/telemetry/access-record';
import { foldHeaderSteps, headerSteps } from './compile/header-operations.ts';
import { applyHeaderOperations, noHeaderOperations } from './header-operations.ts';
import type { HeaderOperations, HeaderStep } from './runtime-config.ts';

const name = fc.constantFrom('a', 'b');
const value = fc.constantFrom('1', '2', '3');
const step: fc.Arbitrary<HeaderStep> = fc.oneof(
  fc.record({ kind: fc.constant('remove' as const), name }),
  fc.record({
    kind: fc.constantFrom('set' as const, 'overwrite' as const, 'addIfAbsent' as const, 'add' as const),
    name,
    value,
    format: fc.constant(null),
    keepEmpty: fc.constant(false),
  }),
);
const nobody = { accessRecord: () => assert.fail('nothing is asked of the request') };

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
      for (const s of steps) applyHeaderOperations(single(s), oneByOne, nobody);
      const atOnce = pairs.flat();
      applyHeaderOperations(foldHeaderSteps(steps), atOnce, nobody);
      const inSteps = pairs.flat();
      applyHeaderOperations({ ...noHeaderOperations, steps }, inSteps, { accessRecord: emptyAccessRecord });
      assert.deepEqual(valuesByName(inSteps), valuesByName(oneByOne));
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
  applyHeaderOperations(foldHeaderSteps(steps), headers, nobody);
  assert.deepEqual(valuesByName(headers), {
    host: ['h'],
    'x-a': ['1'],
    'x-b': ['2'],
    'x-c': ['3'],
    'x-d': ['100%'],
    'x-f': [''],
  });
});

test('values are made of the request, by the operators of access logs; what is unset is no header', () => {
  const add = (key: string, value: string, keepEmptyValue = false) => ({ header: { key, value }, keepEmptyValue });
  const steps = headerSteps(
    [
      add('x-who', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% asks 100%% for %REQ(:path)%'),
      add('x-other', '%REQ(x-none?x-set)%'),
      add('x-nothing', '%REQ(x-none)%'),
      add('x-empty', '%UPSTREAM_HOST%', true),
      { header: { key: 'x-set', value: '%PROTOCOL%' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    ],
    ['x-gone'],
    'add',
    'remove',
  );
  const headers = ['x-set', 'old', 'x-gone', '1'];
  const record = {
    ...emptyAccessRecord(),
    downstreamRemoteAddress: '10.0.0.1:5000',
    path: '/a\r\nb',
    protocol: 'HTTP/1.1',
    requestHeaders: [...headers],
  };
  applyHeaderOperations(foldHeaderSteps(steps), headers, { accessRecord: () => record });
  assert.deepEqual(valuesByName(headers), {
    'x-who': ['10.0.0.1 asks 100% for /a\\x0d\\x0ab'],
    'x-other': ['old'],
    'x-empty': [''],
    'x-set': ['HTTP/1.1'],
  });
});

test('pseudo headers, host, commands that nobody knows and line breaks are refused', () => {
  const refused = (key: string, v: string): void =>
    assert.throws(
      () => headerSteps([{ header: { key, value: v } }], [], 'add', 'remove'),
      CompileFailure,
      `${key}: ${v}`,
    );
  refused(':path', '/');
  refused('Host', 'x');
  refused('a b', 'x');
  refused('x', '%HOSTNAME%');
  refused('x', '%NONSENSE%');
  refused('x', '%REQ(x');
  refused('x', '5%');
  refused('x', 'a\r\nb: c');
});
