import { type HttpProbe, inRange } from '@weft/traffic/health-check/health-check-config';
import type { CheckResult } from '@weft/traffic/health-check/host-health';

const USER_AGENT = 'Envoy/HC';

/** What the status of an answer to an HTTP check means. */
export const resultOf = (probe: HttpProbe, status: number): CheckResult => {
  if (inRange(probe.expected, status)) return 'success';
  return inRange(probe.retriable, status) ? 'retriable' : 'failure';
};

/** Headers as Envoy sends them, then those of the check. */
export const probeHeaders = (probe: HttpProbe): Record<string, string[]> => {
  const headers: Record<string, string[]> = { 'user-agent': [USER_AGENT] };
  for (let i = 0; i < probe.headers.length; i += 2)
    (headers[probe.headers[i] as string] ??= []).push(probe.headers[i + 1] as string);
  return headers;
};
