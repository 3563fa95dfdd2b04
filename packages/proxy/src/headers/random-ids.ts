import { randomFillSync } from 'node:crypto';

/**
 * Request and trace ids. Random bytes are drawn 4 KiB at a time: a system call, or a call into OpenSSL, for each
 * request would cost more than all else here.
 */
const pool = Buffer.allocUnsafeSlow(4096);
let used = pool.length;

const hexByte: readonly string[] = Array.from({ length: 256 }, (_, i) => (i + 256).toString(16).slice(1));

const take = (bytes: number): number => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += bytes;
  return at;
};

const hex = (at: number, bytes: number): string => {
  let text = '';
  for (let i = at; i < at + bytes; i++) text += hexByte[pool[i] as number];
  return text;
};

/** UUID version 4, as Envoy makes for `x-request-id`. */
export const requestId = (): string => {
  const at = take(16);
  pool[at + 6] = ((pool[at + 6] as number) & 0x0f) | 0x40;
  pool[at + 8] = ((pool[at + 8] as number) & 0x3f) | 0x80;
  return `${hex(at, 4)}-${hex(at + 4, 2)}-${hex(at + 6, 2)}-${hex(at + 8, 2)}-${hex(at + 10, 6)}`;
};

/** Of a trace: 32 hexadecimal digits, never all zero. */
export const newTraceId = (): string => notZero(take(16), 16);

/** Of a span: 16 hexadecimal digits, never all zero. */
export const newSpanId = (): string => notZero(take(8), 8);

const notZero = (at: number, bytes: number): string => {
  if (pool[at] === 0) pool[at] = 1;
  return hex(at, bytes);
};

/** `sec-websocket-key` of a handshake (RFC 6455 section 4.1). */
export const websocketKey = (): string => {
  const at = take(16);
  return pool.toString('base64', at, at + 16);
};

/** W3C Trace Context `traceparent` of a new trace. */
export const traceparent = (sampled: boolean): string => `00-${newTraceId()}-${newSpanId()}-${sampled ? '01' : '00'}`;
