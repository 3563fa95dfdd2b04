/** What request and response heads of HTTP/2 have in common. The field names are those of the HTTP/1 heads where they mean the same. */
export class Http2Head {
  /**
   * Flat: name, value, name, value; names in lower case, repeated headers apart but for `cookie`, whose crumbs are joined
   * (RFC 9113 section 8.2.3). Without pseudo headers; checked to hold nothing that HTTP/1.1 could not carry.
   */
  headers: string[] = [];
  /** -1 where there is none. The header itself stays in `headers`. */
  contentLength = -1;
  /** Octets of names and values, pseudo headers included. */
  bytes = 0;
  /** Nothing follows: `onEnd` comes next. */
  endStream = false;
  /** Names that the peer marked never to be indexed (RFC 7541 section 6.2.3): hand them on with the headers. Usually null. */
  neverIndexed: string[] | null = null;
}

export class Http2RequestHead extends Http2Head {
  method = '';
  /** `:path`; empty for CONNECT without `protocol`. */
  path = '';
  /**
   * `:authority`, or `host` where that is missing; both must agree (RFC 9113 section 8.3.1). `host` is not in `headers`. Empty if
   * there is neither.
   */
  authority = '';
  scheme = '';
  /** `:protocol` of an extended CONNECT (RFC 8441), else empty. */
  protocol = '';
}

export class Http2ResponseHead extends Http2Head {
  status = 0;
  /** HTTP/2 has neither. Here so that the shape is that of HTTP/1. */
  readonly reason = '';
  readonly upgrade = '';
}
