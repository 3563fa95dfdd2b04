import { fieldKind } from '../hpack/field-kind.ts';
import type { FieldList } from '../hpack/field-list.ts';
import type { Http2Head } from './heads.ts';

/** Adds a field that is no pseudo-header, `host` or `cookie`; false if it makes the message malformed. */
export const addRegular = (head: Http2Head, name: string, value: string, kind: number): boolean => {
  if (kind === fieldKind.CONTENT_LENGTH) {
    // Even two equal ones are refused, as in HTTP/1.
    if (head.contentLength !== -1 || !/^\d{1,15}$/.test(value)) return false;
    head.contentLength = Number(value);
  } else if (kind === fieldKind.TE) {
    // RFC 9113 section 8.2.2.
    if (value !== 'trailers') return false;
  } else if (kind !== fieldKind.REGULAR) return false;
  head.headers.push(name, value);
  return true;
};

/** A cookie may come in several fields, which HTTP/1 must see as one (RFC 9113 section 8.2.3). */
export class CookieCrumbs {
  #joined = '';
  #any = false;

  reset(): void {
    this.#joined = '';
    this.#any = false;
  }

  add(value: string): void {
    this.#any = true;
    // An empty crumb would leave white space at the value's end.
    if (value !== '') this.#joined = this.#joined === '' ? value : `${this.#joined}; ${value}`;
  }

  addTo(headers: string[]): void {
    if (this.#any) headers.push('cookie', this.#joined);
  }
}

/** Trailers as flat pairs; null if malformed: what is a pseudo-header, frames a message or belongs to a connection has no place there. */
export const readTrailers = (fields: FieldList): string[] | null => {
  const trailers: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    const kind = fields.kinds[i] as number;
    if (kind !== fieldKind.REGULAR && kind !== fieldKind.COOKIE) return null;
    trailers.push(fields.names[i] as string, fields.values[i] as string);
  }
  return trailers;
};
