/** What a client of HTTP/2 begins with (RFC 9113 section 3.4), as far as no request of HTTP/1 can begin so. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Whether these first bytes of a connection are HTTP/2's; `more` where they could be either's. */
export const looksLikeHttp2 = (buffer: Buffer, start: number, end: number): 'yes' | 'no' | 'more' => {
  const length = Math.min(end - start, PREFACE.length);
  for (let i = 0; i < length; i++) if (buffer[start + i] !== PREFACE[i]) return 'no';
  return length === PREFACE.length ? 'yes' : 'more';
};
