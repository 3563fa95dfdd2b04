import { tokenClass, valueAllowed } from './characters.ts';
import { type WireError, wireErrors } from './wire-error.ts';

/**
 * What request and response heads have in common. `headers` is flat: name, value, name, value; names in lower case,
 * values trimmed, repeated headers apart. What belongs to one connection only is taken out and stands in fields:
 * `connection` (and what it names), `keep-alive`, `proxy-connection`, `transfer-encoding`, `upgrade`; and `host`.
 */
export class MessageHead {
  /** Length of the whole head. */
  bytes = 0;
  /** HTTP/1.`minor`. */
  minor = 1;
  headers: string[] = [];
  /** -1 where there is none. The header itself stays in `headers`. */
  contentLength = -1;
  chunked = false;
  /** Whether the sender will take another message on this connection. */
  keepAlive = true;
  /** The `upgrade` header in lower case where `connection` names it, else empty. */
  upgrade = '';
  /** Empty if there is none. */
  host = '';
  /** Seconds of `keep-alive: timeout=N`: how long the sender keeps an idle connection; -1 if it does not say. */
  keepAliveTimeoutS = -1;
}

const COLON = 0x3a;
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * Reads header lines from `text` at `pos` up to its end, which must be that of a line. Strict: no folding, no space
 * before the colon, no bare CR or LF, no control characters (RFC 9112 section 5).
 */
export const parseHeaderLines = (
  text: string,
  pos: number,
  head: MessageHead,
  maxHeaders: number,
): WireError | null => {
  const end = text.length;
  const headers = head.headers;
  let connection = '';
  let upgrade = '';
  let hosts = 0;
  let lines = 0;
  while (pos < end) {
    if (++lines > maxHeaders) return wireErrors.tooManyHeaders;
    let colon = pos;
    let upper = false;
    for (;;) {
      const c = tokenClass[text.charCodeAt(colon)];
      if (c === 1) colon++;
      else if (c === 2) {
        upper = true;
        colon++;
      } else break;
    }
    if (colon === pos || text.charCodeAt(colon) !== COLON) return wireErrors.headerName;
    let from = colon + 1;
    while (text.charCodeAt(from) === SPACE || text.charCodeAt(from) === TAB) from++;
    let to = from;
    while (valueAllowed[text.charCodeAt(to)] === 1) to++;
    if (text.charCodeAt(to) !== CR || text.charCodeAt(to + 1) !== LF) {
      return isLineBreak(text.charCodeAt(to)) ? wireErrors.lineEnding : wireErrors.headerValue;
    }
    const name = upper ? text.slice(pos, colon).toLowerCase() : text.slice(pos, colon);
    pos = to + 2;
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
    const value = text.slice(from, to);
    switch (name.length) {
      case 4:
        if (name === 'host') {
          if (++hosts > 1) return wireErrors.host;
          head.host = value;
          continue;
        }
        break;
      case 7:
        if (name === 'upgrade') {
          upgrade = value;
          continue;
        }
        break;
      case 10:
        if (name === 'connection') {
          connection = connection ? `${connection},${value}` : value;
          continue;
        }
        if (name === 'keep-alive') {
          const timeout = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(value);
          if (timeout) head.keepAliveTimeoutS = Number(timeout[1]);
          continue;
        }
        break;
      case 14:
        if (name === 'content-length') {
          // Even two equal ones are refused: RFC 9112 section 6.3 allows it, and nobody honest sends them.
          if (head.contentLength !== -1 || !/^\d{1,15}$/.test(value)) return wireErrors.contentLength;
          head.contentLength = Number(value);
        }
        break;
      case 16:
        if (name === 'proxy-connection') continue;
        break;
      case 17:
        if (name === 'transfer-encoding') {
          // As Envoy: only `chunked`, once. What lists other codings ends with 501, what repeats it too.
          if (head.chunked || value.toLowerCase() !== 'chunked') return wireErrors.transferEncoding;
          head.chunked = true;
          continue;
        }
        break;
      default:
    }
    headers.push(name, value);
  }
  if (head.chunked && (head.contentLength !== -1 || head.minor === 0)) return wireErrors.framing;
  head.keepAlive = head.minor === 1;
  return connection === '' ? null : readConnection(connection, upgrade, head);
};

const isLineBreak = (c: number): boolean => c === CR || c === LF;
const isBlank = (c: number): boolean => c === SPACE || c === TAB;

/** What no hop may make the next one believe was never there; as Envoy, which refuses the same. */
const notOfOneHop = new Set(['host', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']);

const readConnection = (connection: string, upgrade: string, head: MessageHead): WireError | null => {
  if (connection === 'keep-alive') {
    head.keepAlive = true;
    return null;
  }
  let close = false;
  for (const part of connection.split(',')) {
    const token = part.trim().toLowerCase();
    if (token === 'close') close = true;
    else if (token === 'keep-alive') head.keepAlive = true;
    else if (token === 'upgrade') head.upgrade = upgrade.toLowerCase();
    else if (notOfOneHop.has(token)) return wireErrors.connection;
    // A length frames the message whatever is said of it; `te` is looked at where the request goes on.
    else if (token !== '' && token !== 'content-length' && token !== 'te') removeAll(head.headers, token);
  }
  if (close) head.keepAlive = false;
  return null;
};

/** Headers that `connection` names are for this hop alone (RFC 9110 section 7.6.1). */
const removeAll = (headers: string[], name: string): void => {
  for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i] === name) headers.splice(i, 2);
};
