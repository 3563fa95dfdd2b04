import { parseDurationMs } from '@weft/base/duration';
import { hostProblem } from './kinds/host-name.ts';
import type { CorsPolicy, HTTPFaultInjection, HTTPRewrite, HTTPRoute } from './kinds/http-route.ts';
import { type Issue, showValue } from './issue.ts';
import type { FieldPath } from './manifest-file.ts';
import { regexProblem } from './regex-problem.ts';

type Say = (path: FieldPath, message: string, hint?: string, error?: Issue['error']) => void;

/** What a schema cannot say of faults, copies, CORS and rewrites. */
export const checkHttpRule = (route: HTTPRoute, path: FieldPath, say: Say): void => {
  if (route.fault) checkFault(route.fault, [...path, 'fault'], say);
  checkMirrors(route, path, say);
  if (route.corsPolicy) checkCors(route.corsPolicy, [...path, 'corsPolicy'], say);
  if (route.rewrite) checkRewrite(route.rewrite, [...path, 'rewrite'], say);
};

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html; the index is the code. */
export const GRPC_STATUSES: readonly string[] = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED ' +
  'RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
).split(' ');

const checkFault = ({ delay, abort }: HTTPFaultInjection, path: FieldPath, say: Say): void => {
  if (!delay && !abort) say(path, 'does nothing', 'write delay or abort', 'missingField');
  if (delay && delay.fixedDelay === undefined && delay.exponentialDelay === undefined)
    say([...path, 'delay'], 'has no duration', 'write fixedDelay', 'missingField');
  if (delay?.percent !== undefined && (delay.percent < 0 || delay.percent > 100))
    say([...path, 'delay', 'percent'], `is ${delay.percent}, must be between 0 and 100`);
  const status = abort?.grpcStatus;
  if (status !== undefined && !GRPC_STATUSES.includes(status))
    say(
      [...path, 'abort', 'grpcStatus'],
      `is ${showValue(status)}, which is not a status of gRPC`,
      'such as UNAVAILABLE',
    );
};

const checkMirrors = ({ mirror, mirrors, mirrorPercent }: HTTPRoute, path: FieldPath, say: Say): void => {
  if (mirror && mirrors?.length) say([...path, 'mirrors'], 'is not allowed beside mirror');
  if (mirrorPercent !== undefined && mirrorPercent > 100)
    say([...path, 'mirrorPercent'], `is ${mirrorPercent}, must be at most 100`);
  const checkHost = (host: string, at: FieldPath): void => {
    const problem = hostProblem(host) ?? (host === '*' ? 'is no destination' : undefined);
    if (problem) say([...at, 'host'], `is ${showValue(host)}, which ${problem}`);
  };
  if (mirror) checkHost(mirror.host, [...path, 'mirror']);
  mirrors?.forEach(({ destination }, i) => checkHost(destination.host, [...path, 'mirrors', i, 'destination']));
};

const METHODS = new Set(['*', 'CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);

const checkCors = (cors: CorsPolicy, path: FieldPath, say: Say): void => {
  cors.allowOrigins?.forEach(({ exact, prefix, regex }, i) => {
    if (!exact && !prefix && !regex)
      say([...path, 'allowOrigins', i], 'must say exact, prefix or regex, and not an empty one');
    const problem = regex ? regexProblem(regex) : undefined;
    if (problem) say([...path, 'allowOrigins', i, 'regex'], `is ${showValue(regex)}, ${problem}`);
  });
  cors.allowMethods?.forEach((method, i) => {
    if (!METHODS.has(method)) say([...path, 'allowMethods', i], `is ${showValue(method)}, which is not an HTTP method`);
  });
  for (const field of ['allowHeaders', 'exposeHeaders'] as const)
    cors[field]?.forEach((name, i) => {
      if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/i.test(name))
        say([...path, field, i], `is ${showValue(name)}, which is not a header name`);
    });
  if (cors.maxAge !== undefined && (parseDurationMs(cors.maxAge) ?? 0) % 1000 !== 0)
    say([...path, 'maxAge'], `is ${cors.maxAge}, must be whole seconds`);
};

const checkRewrite = ({ uri, uriRegexRewrite }: HTTPRewrite, path: FieldPath, say: Say): void => {
  if (!uriRegexRewrite) return;
  const at = [...path, 'uriRegexRewrite'];
  if (uri !== undefined) say(at, 'is not allowed beside uri');
  const { match, rewrite } = uriRegexRewrite;
  if (match === '') say([...at, 'match'], 'is empty', 'write a regular expression', 'missingField');
  const problem = regexProblem(match);
  if (problem) {
    say([...at, 'match'], `is ${showValue(match)}, ${problem}`);
    return;
  }
  const groups = countGroups(match);
  for (const [piece] of rewrite.matchAll(/\\./gs))
    if (/^\\\d$/.test(piece) ? Number(piece[1]) > groups : piece !== '\\\\')
      say(
        [...at, 'rewrite'],
        `is ${showValue(rewrite)}, where ${piece} is neither a group that the expression has nor \\\\`,
      );
};

/** Of a valid pattern: brackets that are neither escaped, nor in a class, nor `(?:`. */
const countGroups = (pattern: string): number =>
  [
    ...pattern
      .replace(/\\./g, '')
      .replace(/\[[^\]]*\]/g, '')
      .matchAll(/\((?!\?)|\(\?P?</g),
  ].length;
