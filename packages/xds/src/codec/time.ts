import { asString, describe, fail } from './json-scalars.ts';

/** `google.protobuf.Duration` and `Timestamp` in their JSON forms, exact to the nanosecond. */
export interface SecondsNanos {
  readonly seconds: number;
  readonly nanos: number;
}

/** About 10,000 years, protobuf's bound on a Duration. */
const MAX_DURATION_S = 315_576_000_000;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
const MIN_TIMESTAMP_S = -62_135_596_800;
const MAX_TIMESTAMP_S = 253_402_300_799;

const DURATION = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** `1.5s`, `-0.000000001s` */
export const parseDuration = (json: unknown, at: string): SecondsNanos => {
  const m = DURATION.exec(asString(json, at));
  const seconds = Number(m?.[2]);
  if (!m || seconds > MAX_DURATION_S) return fail(at, `${describe(json)} is not a duration such as "1.5s"`);
  const sign = m[1] ? -1 : 1;
  return { seconds: sign * seconds, nanos: sign * nanosOf(m[3]) };
};

export const formatDuration = ({ seconds, nanos }: SecondsNanos, at: string): string => {
  const mixed = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
  if (Math.abs(seconds) > MAX_DURATION_S || Math.abs(nanos) > 999_999_999 || mixed)
    return fail(at, `${seconds} s and ${nanos} ns is not a valid duration`);
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
};

/** RFC 3339 with any offset. */
export const parseTimestamp = (json: unknown, at: string): SecondsNanos => {
  const m = TIMESTAMP.exec(asString(json, at));
  const seconds = m ? Date.parse(`${m[1]}${m[3]}`) / 1000 : NaN;
  if (!m || !(seconds >= MIN_TIMESTAMP_S && seconds <= MAX_TIMESTAMP_S))
    return fail(at, `${describe(json)} is not a time such as "2026-01-02T03:04:05Z"`);
  return { seconds, nanos: nanosOf(m[2]) };
};

export const formatTimestamp = ({ seconds, nanos }: SecondsNanos, at: string): string => {
  if (!(seconds >= MIN_TIMESTAMP_S && seconds <= MAX_TIMESTAMP_S) || nanos < 0 || nanos > 999_999_999)
    return fail(at, `${seconds} s and ${nanos} ns is not a valid timestamp`);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
};

const nanosOf = (digits: string | undefined): number => Number((digits ?? '').padEnd(9, '0'));

/** Empty, or a point with 3, 6 or 9 digits, as protobuf prints it. */
const fraction = (nanos: number): string => {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  if (digits.endsWith('000')) return `.${digits.slice(0, 6)}`;
  return `.${digits}`;
};
