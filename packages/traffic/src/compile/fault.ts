import type { HTTPFault } from '@weft/xds-api/gen/envoy/extensions/filters/http/fault/v3';
import type { FaultPolicy } from '../fault.ts';
import { fail } from './failure.ts';
import { at, durationMs, integer, onlyKnown } from './fields.ts';
import { share } from './route-match.ts';
import { compileHeaderMatcher } from './string-matcher.ts';

/** Envoy has no limit of its own; as each delayed request holds memory, we have one. */
const DEFAULT_MAX_ACTIVE = 10_000;

/** Runtime keys have no store here, so what the fields say holds. Faults that callers ask for by headers are refused. */
export const compileFault = (json: HTTPFault, path: string): FaultPolicy => {
  onlyKnown(
    json,
    path,
    ['delay', 'abort', 'upstreamCluster', 'headers', 'maxActiveFaults'],
    [
      'delayPercentRuntime',
      'abortPercentRuntime',
      'delayDurationRuntime',
      'abortHttpStatusRuntime',
      'abortGrpcStatusRuntime',
      'maxActiveFaultsRuntime',
      'responseRateLimitPercentRuntime',
      'disableDownstreamClusterStats',
      'filterMetadata',
    ],
  );
  const delay = json.delay ?? {};
  onlyKnown(delay, at(path, 'delay'), ['fixedDelay', 'percentage']);
  return {
    delayMs: durationMs(delay.fixedDelay, 0, at(path, 'delay.fixedDelay')),
    delayShare: share(delay.percentage ?? {}),
    ...compileAbort(json.abort ?? {}, at(path, 'abort')),
    maxActive: integer(json.maxActiveFaults, DEFAULT_MAX_ACTIVE, at(path, 'maxActiveFaults')),
    headers: (json.headers ?? []).map((h, i) => compileHeaderMatcher(h, at(at(path, 'headers'), i))),
    upstreamCluster: json.upstreamCluster ?? '',
  };
};

const compileAbort = (
  json: NonNullable<HTTPFault['abort']>,
  path: string,
): Pick<FaultPolicy, 'abortShare' | 'abortStatus' | 'abortGrpcStatus' | 'abortBody'> => {
  onlyKnown(json, path, ['httpStatus', 'grpcStatus', 'percentage', 'responseBody']);
  const grpc = json.grpcStatus;
  const status = grpc === undefined ? (json.httpStatus ?? 0) : 200;
  const abortShare = share(json.percentage ?? {});
  if (abortShare > 0 && (!Number.isInteger(status) || status < 200 || status > 599))
    fail(at(path, 'httpStatus'), `${status} is not a final status`);
  return {
    abortShare,
    abortStatus: status,
    abortGrpcStatus: grpc ?? -1,
    abortBody: json.responseBody || 'fault filter abort',
  };
};
