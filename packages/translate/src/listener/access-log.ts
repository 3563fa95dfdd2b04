import type { Mesh } from '@weft/model/mesh';
import { type AccessLogFormatSettings, ISTIO_JSON_FORMAT, ISTIO_TEXT_FORMAT } from '@weft/telemetry/access-log';
import type { AccessLog } from '@weft/xds-api/gen/envoy/config/accesslog/v3';
import type { SubstitutionFormatString } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { FileAccessLog } from '@weft/xds-api/gen/envoy/extensions/access_loggers/file/v3';
import type { StdoutAccessLog } from '@weft/xds-api/gen/envoy/extensions/access_loggers/stream/v3';
import { remember } from '../memo.ts';
import { extension } from '../typed.ts';

/** The mesh's access logs, for every listener; an empty object where there are none. */
export const accessLogOf = ({ meshConfig }: Mesh): { accessLog?: AccessLog[] } =>
  remember(meshConfig, 'access log', [], () =>
    meshConfig.accessLogs.length === 0
      ? {}
      : {
          accessLog: meshConfig.accessLogs.map(({ path, format }) =>
            path === '/dev/stdout' ? stdoutLog(formatOf(format)) : fileLog(path, formatOf(format)),
          ),
        },
  );

/** By name it cannot be opened where standard output is a socket (a process started by Node), or another user's. */
const stdoutLog = (logFormat: SubstitutionFormatString): AccessLog =>
  extension('envoy.access_loggers.stdout', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
    logFormat,
  } satisfies StdoutAccessLog);

const fileLog = (path: string, logFormat: SubstitutionFormatString): AccessLog =>
  extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path,
    logFormat,
  } satisfies FileAccessLog);

const formatOf = (format: AccessLogFormatSettings): SubstitutionFormatString =>
  format.encoding === 'JSON'
    ? { jsonFormat: { ...(format.fields ?? ISTIO_JSON_FORMAT) } }
    : { textFormatSource: { inlineString: format.text ?? ISTIO_TEXT_FORMAT } };
