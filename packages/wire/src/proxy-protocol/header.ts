/**
 * The PROXY protocol, versions 1 and 2: in front of a connection's own bytes a load balancer says whose connection it is.
 * https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt (sections 2.1 and 2.2)
 *
 *     1   PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n                     at most 107 bytes
 *     2   12 bytes of signature · version and command · family · length (16 bit) · addresses · TLVs
 */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  readonly version: 1 | 2;
  /** Bytes of the header, TLVs included: what follows is the connection's own. */
  readonly length: number;
  /** Null: the connection's own addresses count (UNKNOWN, LOCAL, or a family that has none). */
  readonly addresses: { readonly source: Endpoint; readonly destination: Endpoint } | null;
}

export const SIGNATURE_V2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
export const SIGNATURE_V1 = Buffer.from('PROXY ', 'latin1');
export const MAX_BYTES_V1 = 107;
export const PREFIX_BYTES_V2 = 16;
/** The longest that a header can be: a length of 16 bits. */
export const MAX_HEADER_BYTES = PREFIX_BYTES_V2 + 0xffff;
