/**
 * Looks at the first bytes of a connection: is it TLS, and if so, which server name and protocols does it ask for
 * (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301). Stateless: called again with more bytes until it says
 * something; whoever calls bounds their number.
 */
export interface ClientHello {
  /** Lower case; empty if the client names none. */
  readonly serverName: string;
  readonly protocols: readonly string[];
}

/** `more`: too few bytes to tell. `plain`: not TLS, or a TLS that cannot be understood. */
export type Sniffed = 'more' | 'plain' | ClientHello;

/** A ClientHello larger than this is not waited for (Envoy's tls_inspector has the same bound). */
export const MAX_CLIENT_HELLO_BYTES = 16 * 1024;

const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;

export const sniffClientHello = (bytes: Buffer): Sniffed => {
  if (bytes.length === 0) return 'more';
  if (bytes[0] !== HANDSHAKE || (bytes.length > 1 && bytes[1] !== 3)) return 'plain';
  const hello = handshakeBytes(bytes);
  if (hello === 'plain' || hello === null) return hello ?? 'more';
  if (hello.length > 0 && hello[0] !== CLIENT_HELLO) return 'plain';
  if (hello.length < 4) return bytes.length > MAX_CLIENT_HELLO_BYTES ? 'plain' : 'more';
  const length = hello.readUIntBE(1, 3);
  if (length > MAX_CLIENT_HELLO_BYTES) return 'plain';
  if (hello.length < 4 + length) return 'more';
  return parseHello(hello.subarray(4, 4 + length)) ?? 'plain';
};

/** The handshake messages of the records that are complete, or have begun: a hello may span records. */
const handshakeBytes = (bytes: Buffer): Buffer | 'plain' | null => {
  const parts: Buffer[] = [];
  let pos = 0;
  while (bytes.length - pos >= 5) {
    if (bytes[pos] !== HANDSHAKE || bytes[pos + 1] !== 3) {
      // Behind a hello may come early data, or a change of cipher for middle boxes.
      if (parts.length > 0) break;
      return 'plain';
    }
    const length = bytes.readUInt16BE(pos + 3);
    if (length === 0 || length > MAX_CLIENT_HELLO_BYTES) return 'plain';
    parts.push(bytes.subarray(pos + 5, pos + 5 + length));
    pos += 5 + length;
  }
  if (parts.length === 0) return null;
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
};

const parseHello = (hello: Buffer): ClientHello | null => {
  let serverName = '';
  let protocols: readonly string[] = [];
  try {
    let pos = 34; // version, random
    pos += 1 + hello.readUInt8(pos); // session id
    pos += 2 + hello.readUInt16BE(pos); // cipher suites
    pos += 1 + hello.readUInt8(pos); // compression
    if (pos === hello.length) return { serverName, protocols };
    const end = pos + 2 + hello.readUInt16BE(pos);
    pos += 2;
    if (end !== hello.length) return null;
    while (pos < end) {
      const type = hello.readUInt16BE(pos);
      const length = hello.readUInt16BE(pos + 2);
      pos += 4;
      if (pos + length > end) return null;
      const body = hello.subarray(pos, pos + length);
      if (type === SERVER_NAME) serverName = readServerName(body);
      else if (type === ALPN) protocols = readProtocols(body);
      pos += length;
    }
  } catch {
    return null; // a length that points outside
  }
  return { serverName, protocols };
};

const readServerName = (body: Buffer): string => {
  // A list, of which only host_name (0) was ever defined.
  const type = body.readUInt8(2);
  const length = body.readUInt16BE(3);
  return type === 0
    ? body
        .subarray(5, 5 + length)
        .toString('latin1')
        .toLowerCase()
    : '';
};

const readProtocols = (body: Buffer): readonly string[] => {
  const protocols: string[] = [];
  for (let pos = 2; pos < body.length; ) {
    const length = body.readUInt8(pos);
    protocols.push(body.subarray(pos + 1, pos + 1 + length).toString('latin1'));
    pos += 1 + length;
  }
  return protocols;
};
