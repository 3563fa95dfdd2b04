import { fieldKind } from '../hpack/field-kind.ts';
import type { FieldList } from '../hpack/field-list.ts';
import { addRegular, CookieCrumbs } from './fields.ts';
import { Http2ResponseHead } from './heads.ts';

/** A response's head from its fields, or null if it is malformed (RFC 9113 sections 8.1.1, 8.2 and 8.3.2). */
export const readResponseHead = (fields: FieldList, endStream: boolean): Http2ResponseHead | null => {
  const head = new Http2ResponseHead();
  head.bytes = fields.bytes;
  head.endStream = endStream;
  head.neverIndexed = fields.neverIndexed;
  const { names, values, kinds, length } = fields;
  let regular = false;
  crumbs.reset();
  for (let i = 0; i < length; i++) {
    const kind = kinds[i] as number;
    const value = values[i] as string;
    if (kind === fieldKind.STATUS) {
      if (regular || head.status !== 0) return null;
      head.status = statusOf(value);
      if (head.status === 0) return null;
      continue;
    }
    regular = true;
    if (kind === fieldKind.COOKIE) crumbs.add(value);
    // RFC 9110 gives `host` no meaning in a response; some servers send it.
    else if (kind === fieldKind.HOST) head.headers.push('host', value);
    else if (!addRegular(head, names[i] as string, value, kind)) return null;
  }
  crumbs.addTo(head.headers);
  const { status } = head;
  // RFC 9113 section 8.6: no 101. An informational response is never the last.
  if (status === 0 || status === 101 || (status < 200 && endStream)) return null;
  if ((status < 200 || status === 204) && head.contentLength !== -1 && !dropLength(head)) return null;
  return head;
};

const crumbs = new CookieCrumbs();

/** RFC 9110 section 8.6: such a response has no body. As in HTTP/1: a length of 0 is taken out, all else an error. */
const dropLength = (head: Http2ResponseHead): boolean => {
  if (head.contentLength > 0) return false;
  head.headers = head.headers.filter((_, i) => head.headers[i & ~1] !== 'content-length');
  head.contentLength = -1;
  return true;
};

/** Three digits, the first not 0; else 0. */
const statusOf = (text: string): number => {
  if (text === '200') return 200;
  return /^[1-9]\d\d$/.test(text) ? Number(text) : 0;
};
