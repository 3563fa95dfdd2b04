/**
 * Base64 that comes in pieces, to bytes. It may be made of several texts, each padded at its end, as senders that do not
 * wait for the end of a body make it. RFC 4648 section 4.
 */
export class Base64Decoder {
  /** Characters that do not make a group of four yet. */
  #rest = '';

  /** Null: it is not base64. */
  push(buffer: Buffer, start: number, end: number): Buffer | null {
    const text = this.#rest + buffer.toString('latin1', start, end);
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    if (whole === 0) return EMPTY;
    const groups = text.slice(0, whole);
    if (!GROUPS.test(groups)) return null;
    if (!groups.includes('=')) return Buffer.from(groups, 'base64');
    return Buffer.concat((groups.match(PADDED) ?? []).map((part) => Buffer.from(part, 'base64')));
  }

  /** Nothing is left over: the text may end here. */
  get complete(): boolean {
    return this.#rest === '';
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
const GROUPS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;
/** Up to the end of a group with padding, or to the end. */
const PADDED = /[^=]+=*/g;
