/** What the request line and `host` say of where a request is for. */
interface Targeted {
  readonly method: string;
  path: string;
  authority: string;
  host: string;
}

/**
 * Splits an absolute-form target (`http://host/path`, how clients speak to a proxy) and the authority of a CONNECT off
 * the path. A target with an authority wins over `host` (RFC 9112 section 3.2.2), which the next hop is told then.
 */
export const splitTarget = (request: Targeted): void => {
  const target = request.path;
  if (request.method === 'CONNECT') {
    request.host = target;
    request.path = '';
  } else if (target.charCodeAt(0) !== 0x2f && target !== '*') {
    const start = target.indexOf('://') + 3;
    let end = start;
    while (end < target.length && target[end] !== '/' && target[end] !== '?') end++;
    request.host = target.slice(start, end);
    const rest = target.slice(end);
    request.path = rest.startsWith('/') ? rest : `/${rest}`;
  }
  request.authority = lowerCase(request.host);
};

/** Most authorities are in lower case already. */
const lowerCase = (text: string): string => (/[A-Z]/.test(text) ? text.toLowerCase() : text);
