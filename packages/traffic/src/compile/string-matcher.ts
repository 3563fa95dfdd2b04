import type {
  HeaderMatcher as HeaderMatcherJson,
  QueryParameterMatcher,
} from '@weft/xds-api/gen/envoy/config/route/v3';
import type { RegexMatcher, StringMatcher as StringMatcherJson } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import { type HeaderCondition, HeaderMatcher } from '../header-matcher.ts';
import { QueryMatcher } from '../query-matcher.ts';
import { compileRegex, type Regex } from '../regex.ts';
import { StringMatcher, type StringMatchKind } from '../string-matcher.ts';
import { fail } from './failure.ts';
import { at, integer, onlyKnown, required } from './fields.ts';

export const compileRegexMatcher = (json: RegexMatcher, path: string): Regex => {
  onlyKnown(json, path, ['regex'], ['googleRe2']);
  const pattern = required(json.regex, at(path, 'regex'));
  try {
    return compileRegex(pattern);
  } catch (error) {
    return fail(at(path, 'regex'), `"${pattern}" is not a valid RE2 pattern: ${(error as Error).message}`);
  }
};

export const compileStringMatcher = (json: StringMatcherJson, path: string): StringMatcher => {
  onlyKnown(json, path, ['exact', 'prefix', 'suffix', 'contains', 'safeRegex', 'ignoreCase']);
  const ignoreCase = json.ignoreCase ?? false;
  if (json.safeRegex) {
    const regex = compileRegexMatcher(json.safeRegex, at(path, 'safeRegex'));
    return new StringMatcher('regex', regex.pattern, false, regex);
  }
  if (json.exact !== undefined) return new StringMatcher('exact', json.exact, ignoreCase, null);
  for (const kind of ['prefix', 'suffix', 'contains'] as const satisfies StringMatchKind[]) {
    const value = json[kind];
    if (value === undefined) continue;
    if (value === '') fail(at(path, kind), 'must not be empty');
    return new StringMatcher(kind, value, ignoreCase, null);
  }
  return fail(path, 'says no pattern');
};

export const compileHeaderMatcher = (json: HeaderMatcherJson, path: string): HeaderMatcher => {
  onlyKnown(json, path, [
    'name',
    'exactMatch',
    'safeRegexMatch',
    'rangeMatch',
    'presentMatch',
    'prefixMatch',
    'suffixMatch',
    'containsMatch',
    'stringMatch',
    'invertMatch',
    'treatMissingHeaderAsEmpty',
  ]);
  const name = required(json.name, at(path, 'name')).toLowerCase();
  const condition = headerCondition(json, path);
  return new HeaderMatcher(name, condition, json.invertMatch ?? false, json.treatMissingHeaderAsEmpty ?? false);
};

const headerCondition = (json: HeaderMatcherJson, path: string): HeaderCondition => {
  if (json.stringMatch) {
    return { kind: 'string', matcher: compileStringMatcher(json.stringMatch, at(path, 'stringMatch')) };
  }
  if (json.safeRegexMatch) {
    const regex = compileRegexMatcher(json.safeRegexMatch, at(path, 'safeRegexMatch'));
    return { kind: 'string', matcher: new StringMatcher('regex', regex.pattern, false, regex) };
  }
  if (json.rangeMatch) {
    const range = at(path, 'rangeMatch');
    const start = integer(json.rangeMatch.start, 0, at(range, 'start'));
    return { kind: 'range', start, end: integer(json.rangeMatch.end, 0, at(range, 'end')) };
  }
  const plain = {
    exact: json.exactMatch,
    prefix: json.prefixMatch,
    suffix: json.suffixMatch,
    contains: json.containsMatch,
  };
  for (const [kind, value] of Object.entries(plain)) {
    if (value !== undefined) {
      return { kind: 'string', matcher: new StringMatcher(kind as StringMatchKind, value, false, null) };
    }
  }
  return { kind: 'present', expected: json.presentMatch ?? true };
};

export const compileQueryMatcher = (json: QueryParameterMatcher, path: string): QueryMatcher => {
  onlyKnown(json, path, ['name', 'stringMatch', 'presentMatch']);
  const name = required(json.name, at(path, 'name'));
  const matcher = json.stringMatch ? compileStringMatcher(json.stringMatch, at(path, 'stringMatch')) : null;
  return new QueryMatcher(name, matcher, json.presentMatch ?? true);
};
