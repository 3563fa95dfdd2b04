/**
 * What routing and policies see of one request. The proxy fills one for each request (class instances of one shape, no
 * closures); `weft explain` builds one from its arguments. Nobody keeps it beyond the request.
 */
export interface RequestView {
  method: string;
  /** Normalised by the listener's rules, with the query string. A CONNECT's `host:port`, or empty: it has no path. */
  path: string;
  /** Lower case, with the port if the client sent one. */
  authority: string;
  scheme: 'http' | 'https';
  /** Flat name, value, name, value; names in lower case; repeated headers stay apart. */
  headers: readonly string[];
  connection: ConnectionView;
}

/** What is known of the downstream connection; the same object for all its requests. */
export interface ConnectionView {
  sourceAddress: string;
  sourcePort: number;
  destinationAddress: string;
  destinationPort: number;
  /** The peer presented a certificate that the mesh's roots vouch for. */
  mtls: boolean;
  /** The peer's URI SAN (`spiffe://cluster.local/ns/default/sa/frontend`), empty without mTLS. */
  peerPrincipal: string;
  sni: string;
  /** The peer's own address, where `sourceAddress` is what a PROXY header says; left out, they are the same. */
  directAddress?: string;
}

/** The first value of a header, or undefined. */
export const headerValue = (headers: readonly string[], name: string): string | undefined => {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
};

/** Whether the path is one: `/…` or `*`, not the target of a CONNECT. */
export const hasPath = (path: string): boolean => {
  const first = path.charCodeAt(0);
  return first === 0x2f || (first === 0x2a && path.length === 1);
};
