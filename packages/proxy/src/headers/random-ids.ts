import { randomFillSync } from 'node:crypto';

/**
 * Request and trace ids. Random bytes are drawn 4 KiB at a time: a system call, or a call into OpenSSL, for each
 * request would cost more than all else here.
 */
const pool = Buffer.allocUnsafeSlow(4096);
let used = pool.length;

/** An id is written here and made a string as one: put together of pieces it would be garbage of 1 KB. */
const text = Buffer.alloc(64);
const digits = Buffer.from('0123456789abcdef', 'latin1');

const take = (bytes: number): number => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += bytes;
  return at;
};

/** Writes digits for `bytes` of the pool at `at` to `text`; where they end. */
const hex = (at: number, bytes: number, to: number): number => {
  let end = to;
  for (let i = at; i < at + bytes; i++) {
    const octet = pool[i] as number;
    text[end++] = digits[octet >> 4] as number;
    text[end++] = digits[octet & 15] as number;
  }
  return end;
};

/** UUID version 4, as Envoy makes for `x-request-id`. */
export const requestId = (): string => {
  const at = take(16);
  pool[at + 6] = ((pool[at + 6] as number) & 0x0f) | 0x40;
  pool[at + 8] = ((pool[at + 8] as number) & 0x3f) | 0x80;
  hex(at, 4, 0);
  hex(at + 4, 2, 9);
  hex(at + 6, 2, 14);
  hex(at + 8, 2, 19);
  hex(at + 10, 6, 24);
  text[8] = text[13] = text[18] = text[23] = DASH;
  return text.toString('latin1', 0, 36);
};

/** Of a trace: 32 hexadecimal digits, never all zero. */
export const newTraceId = (): string => text.toString('latin1', 0, hex(notZero(16), 16, 0));

/** Of a span: 16 hexadecimal digits, never all zero. */
export const newSpanId = (): string => text.toString('latin1', 0, hex(notZero(8), 8, 0));

const notZero = (bytes: number): number => {
  const at = take(bytes);
  if (pool[at] === 0) pool[at] = 1;
  return at;
};

/** `sec-websocket-key` of a handshake (RFC 6455 section 4.1). */
export const websocketKey = (): string => {
  const at = take(16);
  return pool.toString('base64', at, at + 16);
};

/** W3C Trace Context `traceparent` of a new trace: version, trace id, span id, flags. */
export const traceparent = (sampled: boolean): string => {
  text[0] = text[1] = text[53] = ZERO;
  text[2] = text[35] = text[52] = DASH;
  hex(notZero(16), 16, 3);
  hex(notZero(8), 8, 36);
  text[54] = sampled ? ZERO + 1 : ZERO;
  return text.toString('latin1', 0, 55);
};

const DASH = 0x2d;
const ZERO = 0x30;
