import type { Destination, HTTPRoute } from '@weft/model/kinds/http-route';
import type { RouteAction_RequestMirrorPolicy } from '@weft/xds-api/gen/envoy/config/route/v3';
import { fractionalPercent } from './percent.ts';

interface Copy {
  readonly destination: Destination;
  /** In percent. */
  readonly share: number;
}

/** Where copies of a rule's requests go: all of them where no share is given, nowhere where it is 0. */
export const mirrorsOf = ({ mirror, mirrors, mirrorPercentage, mirrorPercent }: HTTPRoute): Copy[] => {
  const share = mirrorPercentage ? (mirrorPercentage.value ?? 0) : (mirrorPercent ?? 100);
  const all = mirror
    ? [{ destination: mirror, share }]
    : (mirrors ?? []).map(({ destination, percentage }) => ({
        destination,
        share: percentage ? (percentage.value ?? 0) : 100,
      }));
  return all.filter((copy) => copy.share > 0);
};

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMirrorPolicy */
export const mirrorPolicies = (
  rule: HTTPRoute,
  clusterOf: (destination: Destination) => string,
): RouteAction_RequestMirrorPolicy[] =>
  mirrorsOf(rule).map(({ destination, share }) => ({
    cluster: clusterOf(destination),
    runtimeFraction: { defaultValue: fractionalPercent(share) },
  }));
