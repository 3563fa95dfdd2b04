import { parseDurationMs, protoDuration } from '@weft/base/duration';
import { GRPC_STATUSES } from '@weft/model/check-http-rule';
import type { HTTPFaultInjection } from '@weft/model/kinds/http-route';
import type { HTTPFault } from '@weft/xds-api/gen/envoy/extensions/filters/http/fault/v3';
import type { Any } from '@weft/xds-api/well-known';
import { any } from '../typed.ts';
import { fractionalPercent } from './percent.ts';

export const FAULT_FILTER = 'envoy.filters.http.fault';
export const FAULT_TYPE = 'envoy.extensions.filters.http.fault.v3.HTTPFault';

/**
 * Without a percentage nobody is delayed or aborted.
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection
 */
export const fault = ({ delay, abort }: HTTPFaultInjection): Any =>
  any(FAULT_TYPE, {
    ...(delay?.fixedDelay !== undefined && {
      delay: {
        fixedDelay: protoDuration(parseDurationMs(delay.fixedDelay) ?? 0),
        percentage: fractionalPercent(delay.percentage ? (delay.percentage.value ?? 0) : (delay.percent ?? 0)),
      },
    }),
    ...((abort?.httpStatus !== undefined || abort?.grpcStatus !== undefined) && {
      abort: {
        ...(abort.httpStatus === undefined
          ? { grpcStatus: GRPC_STATUSES.indexOf(abort.grpcStatus ?? '') }
          : { httpStatus: abort.httpStatus }),
        percentage: fractionalPercent(abort.percentage?.value ?? 0),
      },
    }),
  } satisfies HTTPFault);
