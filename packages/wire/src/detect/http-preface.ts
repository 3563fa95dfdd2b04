/**
 * Whether a connection's first bytes are HTTP, and which (what Envoy's http_inspector tells): the preface of HTTP/2
 * (RFC 9113 section 3.4), or a request line (RFC 9112 section 3). Stateless: called again with more bytes until it says
 * something; a line that is longer than MAX_LINE_BYTES is none.
 */
export type HttpPreface = 'more' | 'other' | 'http/1.0' | 'http/1.1' | 'h2c';

export const MAX_LINE_BYTES = 8192;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Longer than any registered method. */
const MAX_METHOD_BYTES = 32;
const SPACE = 0x20;

export const sniffHttp = (bytes: Buffer): HttpPreface => {
  if (bytes.length === 0) return 'more';
  const compared = Math.min(bytes.length, PREFACE.length);
  // The preface begins like a request: its third byte already tells it from any registered method.
  if (bytes.compare(PREFACE, 0, compared, 0, compared) === 0) return compared === PREFACE.length ? 'h2c' : 'more';
  const method = methodEnd(bytes);
  if (method === 'more' || method === 'other') return method;
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\n');
  if (end === -1) return bytes.length < MAX_LINE_BYTES ? 'more' : 'other';
  const line = bytes.toString('latin1', method, end);
  const minor = /^ [\x21-\xff]+ HTTP\/1\.([01])\r?$/.exec(line)?.[1];
  return minor === undefined ? 'other' : minor === '1' ? 'http/1.1' : 'http/1.0';
};

/** Where the space behind the method is. */
const methodEnd = (bytes: Buffer): number | 'more' | 'other' => {
  const limit = Math.min(bytes.length, MAX_METHOD_BYTES + 1);
  for (let i = 0; i < limit; i++) {
    const c = bytes[i] as number;
    if (c === SPACE) return i === 0 ? 'other' : i;
    if (!isMethodByte(c)) return 'other';
  }
  return bytes.length > MAX_METHOD_BYTES ? 'other' : 'more';
};

/** Methods are case-sensitive tokens; those in use are letters and `-`, so that many other protocols show at once. */
const isMethodByte = (c: number): boolean =>
  (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x2d || c === 0x5f;
