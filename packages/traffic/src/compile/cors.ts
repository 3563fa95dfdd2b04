import type { CorsPolicy as CorsPolicyJson } from '@weft/xds-api/gen/envoy/extensions/filters/http/cors/v3';
import type { CorsPolicy } from '../cors.ts';
import { at, onlyKnown } from './fields.ts';
import { share } from './route-match.ts';
import { compileStringMatcher } from './string-matcher.ts';

/** `json`: all levels merged, what the more specific one says first. Shadow mode only counts, so it is ignored. */
export const compileCors = (json: CorsPolicyJson, path: string): CorsPolicy => {
  onlyKnown(
    json,
    path,
    [
      'allowOriginStringMatch',
      'allowMethods',
      'allowHeaders',
      'exposeHeaders',
      'maxAge',
      'allowCredentials',
      'allowPrivateNetworkAccess',
      'forwardNotMatchingPreflights',
      'filterEnabled',
    ],
    ['shadowEnabled'],
  );
  const origins = at(path, 'allowOriginStringMatch');
  return {
    origins: (json.allowOriginStringMatch ?? []).map((m, i) => compileStringMatcher(m, at(origins, i))),
    allowMethods: json.allowMethods ?? '',
    allowHeaders: json.allowHeaders ?? '',
    exposeHeaders: json.exposeHeaders ?? '',
    maxAge: json.maxAge ?? '',
    allowCredentials: json.allowCredentials ?? false,
    allowPrivateNetwork: json.allowPrivateNetworkAccess ?? false,
    forwardsUnmatchedPreflights: json.forwardNotMatchingPreflights ?? true,
    share: json.filterEnabled ? share(json.filterEnabled.defaultValue ?? {}) : 1,
  };
};

/** A field that the more specific level leaves empty is taken from the other; `filterEnabled` never is. */
export const mergeCors = (general: CorsPolicyJson, specific: CorsPolicyJson): CorsPolicyJson => {
  const { filterEnabled: _general, ...inherited } = general;
  const said = Object.entries(specific).filter(
    ([, value]) => value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return { ...inherited, ...Object.fromEntries(said) };
};
