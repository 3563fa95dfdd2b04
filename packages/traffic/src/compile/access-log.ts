import type { AccessLogFormatSettings } from '@weft/telemetry/access-log';
import type { AccessLog } from '@weft/xds-api/gen/envoy/config/accesslog/v3';
import type { SubstitutionFormatString } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { FileAccessLog } from '@weft/xds-api/gen/envoy/extensions/access_loggers/file/v3';
import type { StdoutAccessLog } from '@weft/xds-api/gen/envoy/extensions/access_loggers/stream/v3';
import type { AccessLogConfig } from '../runtime-config.ts';
import { compileAccessLogFilter } from './access-log-filter.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required, typeOf, unpack } from './fields.ts';

const PACKAGE = 'envoy.extensions.access_loggers';

export const compileAccessLogs = (logs: readonly AccessLog[] | undefined, path: string): AccessLogConfig[] =>
  (logs ?? []).map((log, i) => {
    const { filter } = log;
    const compiled = compileAccessLog(log, at(path, i));
    return filter ? { ...compiled, filter: compileAccessLogFilter(filter, at(at(path, i), 'filter')) } : compiled;
  });

const compileAccessLog = (json: AccessLog, path: string): AccessLogConfig => {
  onlyKnown(json, path, ['name', 'filter', 'typedConfig']);
  const any = required(json.typedConfig, at(path, 'typedConfig'));
  const here = at(path, 'typedConfig');
  switch (typeOf(any)) {
    case `${PACKAGE}.file.v3.FileAccessLog`: {
      const file = unpack<FileAccessLog>(any);
      onlyKnown(file, here, ['path', 'format', 'jsonFormat', 'typedJsonFormat', 'logFormat']);
      const fields = file.typedJsonFormat ?? file.jsonFormat;
      if (fields)
        return {
          path: required(file.path, at(here, 'path')),
          format: { encoding: 'JSON', fields },
        };
      return {
        path: required(file.path, at(here, 'path')),
        format:
          file.format === undefined
            ? formatOf(file.logFormat, at(here, 'logFormat'))
            : { encoding: 'TEXT', text: file.format || null },
      };
    }
    case `${PACKAGE}.stream.v3.StdoutAccessLog`: {
      const stream = unpack<StdoutAccessLog>(any);
      onlyKnown(stream, here, ['logFormat']);
      return { path: '/dev/stdout', format: formatOf(stream.logFormat, at(here, 'logFormat')) };
    }
    default:
      return fail(at(here, '@type'), `${typeOf(any)} is not supported`);
  }
};

const formatOf = (json: SubstitutionFormatString | undefined, path: string): AccessLogFormatSettings | null => {
  if (!json) return null;
  onlyKnown(
    json,
    path,
    ['textFormat', 'textFormatSource', 'jsonFormat', 'jsonFormatOptions'],
    ['omitEmptyValues', 'contentType'],
  );
  if (json.jsonFormat) return { encoding: 'JSON', fields: json.jsonFormat };
  if (json.textFormatSource) onlyKnown(json.textFormatSource, at(path, 'textFormatSource'), ['inlineString']);
  return { encoding: 'TEXT', text: json.textFormatSource?.inlineString ?? json.textFormat ?? null };
};
