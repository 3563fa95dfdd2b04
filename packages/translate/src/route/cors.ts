import { parseDurationMs } from '@weft/base/duration';
import type { CorsPolicy as CorsPolicyManifest } from '@weft/model/kinds/http-route';
import type { CorsPolicy } from '@weft/xds-api/gen/envoy/extensions/filters/http/cors/v3';
import type { Any } from '@weft/xds-api/well-known';
import { any } from '../typed.ts';
import { stringMatcher } from './match.ts';

export const CORS_FILTER = 'envoy.filters.http.cors';
export const CORS_TYPE = 'envoy.extensions.filters.http.cors.v3.Cors';

/**
 * `allowOrigin`, which is deprecated, counts where `allowOrigins` is not there. Preflights that match no origin go on to
 * the service unless they are to be ignored.
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy
 */
export const cors = (policy: CorsPolicyManifest): Any => {
  const origins = policy.allowOrigins ?? policy.allowOrigin?.map((exact) => ({ exact })) ?? [];
  const list = (names: readonly string[] | undefined): string => names?.join(',') ?? '';
  return any('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
    ...(origins.length > 0 && { allowOriginStringMatch: origins.map(stringMatcher) }),
    ...(policy.allowMethods?.length && { allowMethods: list(policy.allowMethods) }),
    ...(policy.allowHeaders?.length && { allowHeaders: list(policy.allowHeaders) }),
    ...(policy.exposeHeaders?.length && { exposeHeaders: list(policy.exposeHeaders) }),
    ...(policy.maxAge !== undefined && { maxAge: `${Math.round((parseDurationMs(policy.maxAge) ?? 0) / 1000)}` }),
    ...(policy.allowCredentials !== undefined && { allowCredentials: policy.allowCredentials }),
    ...(policy.unmatchedPreflights === 'IGNORE' && { forwardNotMatchingPreflights: false }),
    filterEnabled: { defaultValue: { numerator: 100 } },
  } satisfies CorsPolicy);
};
