import { targetAllowed, tokenClass } from '../http1/characters.ts';
import { isAuthority } from '../http1/request-head.ts';
import { fieldKind } from '../hpack/field-kind.ts';
import type { FieldList } from '../hpack/field-list.ts';
import { addRegular, CookieCrumbs } from './fields.ts';
import { Http2RequestHead } from './heads.ts';

/**
 * A request's head from its fields, or null if it is malformed (RFC 9113 sections 8.1.1 to 8.3.1 and 8.5, RFC 8441). As strict as
 * HTTP/1's `parseRequestHead`, so that all of it can be sent on in either version.
 */
export const readRequestHead = (
  fields: FieldList,
  endStream: boolean,
  extendedConnect: boolean,
): Http2RequestHead | null => {
  const head = new Http2RequestHead();
  head.bytes = fields.bytes;
  head.endStream = endStream;
  head.neverIndexed = fields.neverIndexed;
  const { names, values, kinds, length } = fields;
  let seen = 0;
  let regular = false;
  let host: string | null = null;
  crumbs.reset();
  for (let i = 0; i < length; i++) {
    const kind = kinds[i] as number;
    const value = values[i] as string;
    if (kind >= fieldKind.METHOD) {
      // A pseudo-header with a bad value too, as that only adds to the kind.
      if (regular || kind >= fieldKind.STATUS || (seen & (1 << kind)) !== 0) return null;
      seen |= 1 << kind;
      if (kind === fieldKind.METHOD) head.method = value;
      else if (kind === fieldKind.PATH) head.path = value;
      else if (kind === fieldKind.SCHEME) head.scheme = value;
      else if (kind === fieldKind.AUTHORITY) head.authority = value;
      else head.protocol = value;
      continue;
    }
    regular = true;
    if (kind === fieldKind.HOST) {
      if (host !== null) return null;
      host = value;
    } else if (kind === fieldKind.COOKIE) crumbs.add(value);
    else if (!addRegular(head, names[i] as string, value, kind)) return null;
  }
  crumbs.addTo(head.headers);
  if (!isConsistent(head, seen, host, extendedConnect)) return null;
  if (endStream && head.contentLength > 0) return null;
  return head;
};

const crumbs = new CookieCrumbs();

const PSEUDO = (kind: number): number => 1 << kind;
const REQUIRED = PSEUDO(fieldKind.METHOD) | PSEUDO(fieldKind.SCHEME) | PSEUDO(fieldKind.PATH);
const CONNECT = PSEUDO(fieldKind.METHOD) | PSEUDO(fieldKind.AUTHORITY);

const isConsistent = (head: Http2RequestHead, seen: number, host: string | null, extendedConnect: boolean): boolean => {
  if (!isToken(head.method)) return false;
  const { authority } = head;
  if (host !== null) {
    if (authority === '') head.authority = host;
    else if (host !== authority && host.toLowerCase() !== authority.toLowerCase()) return false;
  }
  if (!isKnownAuthority(head.authority)) return false;
  if (head.method === 'CONNECT') {
    if ((seen & PSEUDO(fieldKind.PROTOCOL)) === 0) return seen === CONNECT;
    if (!extendedConnect || authority === '' || !isToken(head.protocol)) return false;
  } else if ((seen & PSEUDO(fieldKind.PROTOCOL)) !== 0) return false;
  return (seen & REQUIRED) === REQUIRED && isScheme(head.scheme) && isPath(head.path, head.method);
};

const isToken = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (tokenClass[text.charCodeAt(i)] === 0) return false;
  return text !== '';
};

const isScheme = (text: string): boolean =>
  text === 'http' || text === 'https' || /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text);

const isPath = (path: string, method: string): boolean => {
  if (path.charCodeAt(0) !== 0x2f) return path === '*' && method === 'OPTIONS';
  for (let i = 1; i < path.length; i++) if (targetAllowed[path.charCodeAt(i)] !== 1) return false;
  return true;
};

let lastAuthority = '';

/** Most requests have the authority of the one before. */
const isKnownAuthority = (text: string): boolean => {
  if (text === lastAuthority && text !== '') return true;
  if (!isAuthority(text)) return false;
  lastAuthority = text;
  return true;
};
