import type { RouteMatch } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { FractionalPercent } from '@weft/xds-api/gen/envoy/type/v3';
import { PathMatcher } from '../path-matcher.ts';
import { RouteMatcher } from '../route-matcher.ts';
import { fail } from './failure.ts';
import { at, onlyKnown } from './fields.ts';
import { compileHeaderMatcher, compileQueryMatcher, compileRegexMatcher } from './string-matcher.ts';

export const compileRouteMatch = (json: RouteMatch, path: string): { matcher: RouteMatcher; path: PathMatcher } => {
  onlyKnown(json, path, [
    'prefix',
    'path',
    'safeRegex',
    'connectMatcher',
    'pathSeparatedPrefix',
    'caseSensitive',
    'runtimeFraction',
    'headers',
    'queryParameters',
    'grpc',
  ]);
  const pathMatcher = compilePath(json, path);
  const headers = (json.headers ?? []).map((h, i) => compileHeaderMatcher(h, at(at(path, 'headers'), i)));
  const query = (json.queryParameters ?? []).map((q, i) => compileQueryMatcher(q, at(at(path, 'queryParameters'), i)));
  // The run-time key has no store here, so the default holds.
  const fraction = json.runtimeFraction ? share(json.runtimeFraction.defaultValue ?? {}) : 1;
  return {
    matcher: new RouteMatcher(pathMatcher, headers, query, fraction, json.grpc !== undefined),
    path: pathMatcher,
  };
};

const compilePath = (json: RouteMatch, path: string): PathMatcher => {
  const caseSensitive = json.caseSensitive ?? true;
  if (json.connectMatcher) return new PathMatcher('connect', '', true, null);
  if (json.safeRegex) {
    const regex = compileRegexMatcher(json.safeRegex, at(path, 'safeRegex'));
    return new PathMatcher('regex', regex.pattern, true, regex);
  }
  if (json.path !== undefined) return new PathMatcher('exact', json.path, caseSensitive, null);
  if (json.pathSeparatedPrefix !== undefined) {
    if (!/^[^?#]+[^?#/]$/.test(json.pathSeparatedPrefix)) {
      fail(at(path, 'pathSeparatedPrefix'), `"${json.pathSeparatedPrefix}" must not have ?, # or a slash at its end`);
    }
    return new PathMatcher('separated_prefix', json.pathSeparatedPrefix, caseSensitive, null);
  }
  if (json.prefix !== undefined) return new PathMatcher('prefix', json.prefix, caseSensitive, null);
  return fail(path, 'says nothing about the path');
};

const DENOMINATORS = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

export const share = (percent: FractionalPercent): number =>
  Math.min(1, (percent.numerator ?? 0) / DENOMINATORS[percent.denominator ?? 'HUNDRED']);
