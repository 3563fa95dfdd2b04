import { targetAllowed, tokenClass } from './characters.ts';
import { MessageHead, parseHeaderLines } from './message-head.ts';
import { type WireError, wireErrors } from './wire-error.ts';

/** A parsed request head, RFC 9112 section 3. */
export class RequestHead extends MessageHead {
  method = '';
  /** As sent: origin-form, absolute-form, `*`, or authority-form for CONNECT. */
  target = '';
}

export interface HeadLimits {
  /** Start line and headers with their line ends. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
}

/** `text` is the head up to and including the line end of its last line, without the empty line. */
export const parseRequestHead = (text: string, head: RequestHead, limits: HeadLimits): WireError | null => {
  let pos = 0;
  while (tokenClass[text.charCodeAt(pos)] !== 0) pos++;
  if (pos === 0 || text.charCodeAt(pos) !== 0x20) return wireErrors.method;
  head.method = text.slice(0, pos);
  const from = ++pos;
  while (targetAllowed[text.charCodeAt(pos)] === 1) pos++;
  if (pos === from || text.charCodeAt(pos) !== 0x20) return wireErrors.target;
  head.target = text.slice(from, pos);
  if (!isTarget(head.target, head.method)) return wireErrors.target;
  if (text.startsWith('HTTP/1.1\r\n', pos + 1)) head.minor = 1;
  else if (text.startsWith('HTTP/1.0\r\n', pos + 1)) head.minor = 0;
  else return wireErrors.version;
  const error = parseHeaderLines(text, pos + 11, head, limits.maxHeaders);
  if (error !== null) return error;
  // Of HTTP/1.0 only a target that has its own authority may do without.
  if (head.host === '') return head.minor === 0 && hasAuthority(head) ? null : wireErrors.host;
  return isAuthority(head.host) ? null : wireErrors.host;
};

const AUTHORITY = String.raw`(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::\d{0,5})?`;
const isAuthorityPattern = new RegExp(`^${AUTHORITY}$`);
const absoluteForm = new RegExp(`^https?://${AUTHORITY}(?:[/?]|$)`, 'i');

const hasAuthority = (head: RequestHead): boolean => head.method === 'CONNECT' || absoluteForm.test(head.target);

const isTarget = (target: string, method: string): boolean => {
  if (method === 'CONNECT') return isAuthority(target);
  if (target.charCodeAt(0) === 0x2f) return true;
  return target === '*' ? method === 'OPTIONS' : absoluteForm.test(target);
};

/** `uri-host [ ":" port ]` without user information, which has no place in HTTP (RFC 9110 section 4.2.4). */
export const isAuthority = (text: string): boolean => isAuthorityPattern.test(text);
