import { MessageHead, parseHeaderLines } from './message-head.ts';
import type { HeadLimits } from './request-head.ts';
import { type WireError, wireErrors } from './wire-error.ts';

/** A parsed response head, RFC 9112 section 4. */
export class ResponseHead extends MessageHead {
  status = 0;
  reason = '';
}

const ZERO = 0x30;

/** `text` is the head up to and including the line end of its last line, without the empty line. */
export const parseResponseHead = (text: string, head: ResponseHead, limits: HeadLimits): WireError | null => {
  if (text.startsWith('HTTP/1.1 ')) head.minor = 1;
  else if (text.startsWith('HTTP/1.0 ')) head.minor = 0;
  else return wireErrors.version;
  const a = text.charCodeAt(9) - ZERO;
  const b = text.charCodeAt(10) - ZERO;
  const c = text.charCodeAt(11) - ZERO;
  if (!(a >= 1 && a <= 9 && b >= 0 && b <= 9 && c >= 0 && c <= 9)) return wireErrors.status;
  head.status = a * 100 + b * 10 + c;
  const end = text.indexOf('\r\n', 12);
  if (end > 12) {
    // Some servers leave out the space where there is no reason phrase; nothing else may follow the code.
    if (text.charCodeAt(12) !== 0x20) return wireErrors.status;
    head.reason = text.slice(13, end);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[^\t\x20-\x7e\x80-\xff]/.test(head.reason)) return wireErrors.startLine;
  }
  return parseHeaderLines(text, end + 2, head, limits.maxHeaders);
};
