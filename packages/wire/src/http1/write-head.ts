/** Methods that nobody expects content with; all others say so where they have none (RFC 9110 section 8.6). */
const withoutContent = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);

const saysLength = (headers: readonly string[]): boolean => {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'content-length') return true;
  return false;
};

/**
 * Heads as text (latin1), in one canonical form: `host` first, names in lower case, one space after the colon, the
 * headers of this connection last. Values are trusted to hold no line breaks: they come from a parsed head or from
 * configuration that was checked.
 */
export const writeRequestHead = (
  method: string,
  path: string,
  authority: string,
  headers: readonly string[],
  /** Further headers, in the same form. */
  extra: readonly string[],
  chunked: boolean,
  /** Empty if none. */
  upgrade: string,
): string => {
  let out = `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\n`;
  for (let i = 0; i < headers.length; i += 2) out += `${headers[i]}: ${headers[i + 1]}\r\n`;
  for (let i = 0; i < extra.length; i += 2) out += `${extra[i]}: ${extra[i + 1]}\r\n`;
  if (chunked) out += 'transfer-encoding: chunked\r\n';
  else if (method !== 'GET' && !withoutContent.has(method) && upgrade === '' && !saysLength(headers))
    out += 'content-length: 0\r\n';
  if (upgrade !== '') out += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  return `${out}\r\n`;
};

export const writeResponseHead = (
  /** Of the client: HTTP/1.0 is told of keep-alive, as it would not expect it. */
  minor: number,
  status: number,
  /** Empty: the status code's usual one. */
  reason: string,
  headers: readonly string[],
  chunked: boolean,
  keepAlive: boolean,
  upgrade: string,
): string => {
  let out = `HTTP/1.1 ${status} ${reason || (reasonPhrases[status] ?? 'Unknown')}\r\n`;
  for (let i = 0; i < headers.length; i += 2) out += `${headers[i]}: ${headers[i + 1]}\r\n`;
  if (chunked) out += 'transfer-encoding: chunked\r\n';
  if (upgrade !== '') out += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  else if (!keepAlive) out += 'connection: close\r\n';
  else if (minor === 0) out += 'connection: keep-alive\r\n';
  return `${out}\r\n`;
};

/** The last chunk with its trailers. */
export const writeLastChunk = (trailers: readonly string[]): string => {
  if (trailers.length === 0) return '0\r\n\r\n';
  let out = '0\r\n';
  for (let i = 0; i < trailers.length; i += 2) out += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return `${out}\r\n`;
};

/** RFC 9110 section 15, RFC 6585. */
const reasonPhrases: Record<number, string> = {
  100: 'Continue',
  101: 'Switching Protocols',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  418: "I'm a teapot",
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
