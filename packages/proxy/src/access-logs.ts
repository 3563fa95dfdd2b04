import type { AccessLogConfig } from '@weft/traffic/runtime-config';
import type { AccessLogSink, ProxyTelemetry } from './telemetry.ts';

/** The logs of a listener; those with a filter have what it lets through. */
export const accessLogsOf = (
  telemetry: ProxyTelemetry,
  configs: readonly AccessLogConfig[],
): readonly AccessLogSink[] =>
  configs.map(({ path, format, filter }) => {
    const sink = telemetry.accessLog(path, format);
    if (filter === undefined) return sink;
    return {
      write: (record) => {
        if (filter(record)) sink.write(record);
      },
    };
  });
