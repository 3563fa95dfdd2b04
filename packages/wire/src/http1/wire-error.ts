/** Why bytes are not acceptable HTTP. Constants, so that refusing allocates nothing. */
export interface WireError {
  /** What a client is answered; an upstream's mistake is a 502 whatever stands here. */
  readonly status: 400 | 431 | 501;
  /** One word group for logs and `%RESPONSE_CODE_DETAILS%`, in Envoy's style. */
  readonly reason: string;
}

const error = (status: WireError['status'], reason: string): WireError => ({ status, reason });

export const wireErrors = {
  startLine: error(400, 'http1.invalid_start_line'),
  method: error(400, 'http1.invalid_method'),
  target: error(400, 'http1.invalid_url'),
  version: error(400, 'http1.invalid_version'),
  headerName: error(400, 'http1.invalid_header_name'),
  headerValue: error(400, 'http1.invalid_header_value'),
  lineEnding: error(400, 'http1.invalid_line_ending'),
  connection: error(400, 'http1.connection_header_rejected'),
  host: error(400, 'http1.invalid_host'),
  contentLength: error(400, 'http1.invalid_content_length'),
  transferEncoding: error(501, 'http1.unsupported_transfer_encoding'),
  framing: error(400, 'http1.content_length_and_chunked_not_allowed'),
  bodyNotAllowed: error(400, 'http1.body_disallowed'),
  chunk: error(400, 'http1.invalid_chunk'),
  status: error(400, 'http1.invalid_status'),
  headTooLarge: error(431, 'http1.headers_too_large'),
  tooManyHeaders: error(431, 'http1.too_many_headers'),
  incomplete: error(400, 'http1.incomplete_message'),
  unexpected: error(400, 'http1.unexpected_data'),
} as const satisfies Record<string, WireError>;
