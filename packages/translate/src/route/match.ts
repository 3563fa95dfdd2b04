import type { HTTPMatchRequest } from '@weft/model/kinds/http-match';
import type { StringMatch } from '@weft/model/kinds/string-match';
import type { HeaderMatcher, QueryParameterMatcher, RouteMatch } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';

/**
 * The conditions that are tested on each request; those on the caller (`sourceLabels`, …) are decided before.
 * A regular expression matches the whole of what it is applied to, as in Envoy.
 */
export const routeMatch = (match: HTTPMatchRequest | undefined): RouteMatch => {
  const headers = match ? headerMatchers(match) : [];
  const queryParameters = byName(match?.queryParams).map(([name, m]) => queryMatcher(name, m));
  return {
    ...pathMatch(match),
    ...(headers.length > 0 && { headers }),
    ...(queryParameters.length > 0 && { queryParameters }),
  };
};

/** `ignoreUriCase` does not hold for regular expressions, as in Istio: they can say `(?i)`. */
const pathMatch = (match: HTTPMatchRequest | undefined): RouteMatch => {
  const { exact, prefix, regex } = match?.uri ?? {};
  const caseSensitive = match?.ignoreUriCase ? { caseSensitive: false } : {};
  if (exact !== undefined) return { path: exact, ...caseSensitive };
  if (regex !== undefined) return { safeRegex: { regex } };
  return { prefix: prefix ?? '/', ...caseSensitive };
};

const headerMatchers = (match: HTTPMatchRequest): HeaderMatcher[] => [
  ...byName(match.headers).map(([name, m]) => headerMatcher(name, m)),
  ...byName(match.withoutHeaders).map(([name, m]) => absence(headerMatcher(name, m))),
  ...(match.method ? [headerMatcher(':method', match.method)] : []),
  ...(match.authority ? [headerMatcher(':authority', match.authority)] : []),
  ...(match.scheme ? [headerMatcher(':scheme', match.scheme)] : []),
];

const byName = (matches: Readonly<Record<string, StringMatch>> | undefined): [string, StringMatch][] =>
  Object.entries(matches ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

const headerMatcher = (name: string, match: StringMatch): HeaderMatcher =>
  matchesAnything(match) ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(match) };

/** A header that is not there does not have the value either; Envoy has to be told so. */
const absence = (matcher: HeaderMatcher): HeaderMatcher => ({
  ...matcher,
  invertMatch: true,
  ...(matcher.stringMatch && { treatMissingHeaderAsEmpty: true }),
});

const queryMatcher = (name: string, match: StringMatch): QueryParameterMatcher =>
  matchesAnything(match) ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(match) };

/** Only presence is asked for: by an empty match, or a prefix of nothing. */
const matchesAnything = ({ exact, prefix, regex }: StringMatch): boolean =>
  exact === undefined && !prefix && regex === undefined;

export const stringMatcher = ({ exact, prefix, regex }: StringMatch): StringMatcher => {
  if (exact !== undefined) return { exact };
  if (prefix !== undefined) return { prefix };
  return { safeRegex: { regex: regex ?? '' } };
};
