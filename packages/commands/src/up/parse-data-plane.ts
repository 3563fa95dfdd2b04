import { WeftError } from '@weft/base/errors';
import type { DataPlane } from '@weft/local/plan/replica-plan';

/** `--data-plane NAMESPACE/WORKLOAD=envoy`, as often as wanted. Throws WeftError `usage`. */
export const parseDataPlanes = (values: readonly string[]): ReadonlyMap<string, DataPlane> =>
  new Map(
    values.map((value): [string, DataPlane] => {
      const found = /^([^/=]+\/[^/=]+)=(envoy|weft)$/.exec(value);
      if (!found) throw new WeftError('usage', `--data-plane ${value}: write NAMESPACE/WORKLOAD=envoy, or =weft`);
      return [found[1] as string, found[2] as DataPlane];
    }),
  );
