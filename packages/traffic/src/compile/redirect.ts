import type { RedirectAction } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { PathMatcher } from '../path-matcher.ts';
import { Redirect } from '../redirect.ts';
import { fail } from './failure.ts';
import { at, oneOf, onlyKnown } from './fields.ts';
import { compilePathRewrite } from './path-rewrite.ts';

const statuses = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

export const compileRedirect = (json: RedirectAction, matched: PathMatcher, path: string): Redirect => {
  onlyKnown(json, path, [
    'httpsRedirect',
    'schemeRedirect',
    'hostRedirect',
    'portRedirect',
    'pathRedirect',
    'prefixRewrite',
    'regexRewrite',
    'responseCode',
    'stripQuery',
  ]);
  const status = statuses[json.responseCode ?? 'MOVED_PERMANENTLY'] ?? fail(at(path, 'responseCode'), 'is unknown');
  const rewrites = compilePathRewrite(json, matched, path);
  return new Redirect({
    status,
    scheme: json.httpsRedirect
      ? 'https'
      : oneOf(json.schemeRedirect, '', ['', 'http', 'https'], at(path, 'schemeRedirect')),
    host: json.hostRedirect ?? '',
    port: json.portRedirect ?? 0,
    path: json.pathRedirect ?? '',
    rewrite: rewrites.regexRewrite,
    prefix: rewrites.prefixRewrite && {
      matchedLength: rewrites.prefixRewrite.matched.length,
      replacement: rewrites.prefixRewrite.replacement,
    },
    stripQuery: json.stripQuery ?? false,
  });
};
