import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderMatcher } from './header-matcher.ts';
import type { RequestView } from './request.ts';

const request = (...values: string[]): RequestView => ({
  method: 'GET',
  path: '/',
  authority: 'a',
  scheme: 'http',
  headers: values.flatMap((value) => ['x-a', value]),
  connection: null as never,
});
const exact = (text: string) => ({ kind: 'string' as const, matcher: { matches: (value: string) => value === text } });

test('each value of a repeated header can match, and all of them joined', () => {
  const matcher = new HeaderMatcher('x-a', exact('1') as never, false, false);
  const cases: [string[], boolean][] = [
    [['1'], true],
    [['2', '1'], true],
    [['1', '2'], true],
    [['2', '3'], false],
    [['2,1'], false],
    [[], false],
  ];
  for (const [values, expected] of cases)
    assert.equal(matcher.matches(request(...values)), expected, values.join(' | '));
  assert.equal(new HeaderMatcher('x-a', exact('1,2') as never, false, false).matches(request('1', '2')), true);
  const not = new HeaderMatcher('x-a', exact('1') as never, true, false);
  assert.equal(not.matches(request('2', '1')), false, 'inverted: none may match');
  assert.equal(not.matches(request('2', '3')), true);
});
