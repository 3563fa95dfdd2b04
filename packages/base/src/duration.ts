const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };
const PART = /(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)/y;

/**
 * Milliseconds of a duration as Istio and Go write it (`1h2m3.5s`, `250ms`, `0s`); `undefined` if it is not one.
 * Source: Go's time.ParseDuration, which Istio's API server applies. A bare number is refused, except `0`.
 */
export const parseDurationMs = (text: string): number | undefined => {
  if (text === '0') return 0;
  const negative = text.startsWith('-');
  PART.lastIndex = negative ? 1 : 0;
  if (PART.lastIndex === text.length) return undefined;
  let ms = 0;
  while (PART.lastIndex < text.length) {
    const m = PART.exec(text);
    if (!m) return undefined;
    ms += Number(m[1]) * (UNIT_MS[m[2] as string] as number);
  }
  const whole = Math.round(ms * 1e6) / 1e6; // to the nanosecond
  return negative ? -whole : whole;
};

/** Proto3 JSON of a `google.protobuf.Duration`: seconds with as many digits as needed, then `s`. */
export const protoDuration = (ms: number): string => {
  const s = (Math.abs(ms) / 1000).toFixed(9).replace(/\.?0+$/, '');
  return `${ms < 0 ? '-' : ''}${s}s`;
};
