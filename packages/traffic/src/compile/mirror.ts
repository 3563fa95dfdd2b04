import type { RouteAction_RequestMirrorPolicy } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { MirrorPolicy } from '../mirror.ts';
import { at, onlyKnown, required } from './fields.ts';
import { foldHeaderSteps, mutationSteps } from './header-operations.ts';
import { share } from './route-match.ts';

/** Null where there are none, so that requests of most routes pay nothing. */
export const compileMirrors = (
  list: readonly RouteAction_RequestMirrorPolicy[] | undefined,
  path: string,
): readonly MirrorPolicy[] | null => (list?.length ? list.map((json, i) => compileMirror(json, at(path, i))) : null);

const compileMirror = (json: RouteAction_RequestMirrorPolicy, path: string): MirrorPolicy => {
  onlyKnown(
    json,
    path,
    ['cluster', 'runtimeFraction', 'disableShadowHostSuffixAppend', 'requestHeadersMutations', 'hostRewriteLiteral'],
    ['traceSampled'],
  );
  return {
    cluster: required(json.cluster, at(path, 'cluster')),
    share: json.runtimeFraction ? share(json.runtimeFraction.defaultValue ?? {}) : 1,
    hostRewrite: json.hostRewriteLiteral ?? '',
    keepsHost: json.disableShadowHostSuffixAppend ?? false,
    requestHeaders: foldHeaderSteps(mutationSteps(json.requestHeadersMutations, at(path, 'requestHeadersMutations'))),
  };
};
