/** gRPC status codes (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), those weft sends or tells apart. */
export const grpcCodes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export interface GrpcStatus {
  readonly code: number;
  /** Empty for OK. */
  readonly message: string;
}

/** What a failed call rejects with, and what a unary handler throws to choose the status. */
export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}

/** `grpc-message`: percent-encoded outside printable ASCII (gRPC over HTTP/2, "Responses"). */
export const encodeGrpcMessage = (message: string): string => {
  let result = '';
  for (const byte of Buffer.from(message.slice(0, MAX_MESSAGE))) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) result += String.fromCharCode(byte);
    else result += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return result;
};

/** Longer messages would not fit in a header block that peers accept. */
const MAX_MESSAGE = 2048;

export const decodeGrpcMessage = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** The status of a response whose trailers lack one (gRPC's "HTTP to gRPC status code mapping"). */
export const statusOfHttp = (httpStatus: number): GrpcStatus => {
  const message = `HTTP status ${httpStatus} without grpc-status`;
  if (httpStatus === 400) return { code: grpcCodes.internal, message };
  if (httpStatus === 401) return { code: grpcCodes.unauthenticated, message };
  if (httpStatus === 403) return { code: grpcCodes.permissionDenied, message };
  if (httpStatus === 404) return { code: grpcCodes.unimplemented, message };
  if ([429, 502, 503, 504].includes(httpStatus)) return { code: grpcCodes.unavailable, message };
  return { code: grpcCodes.unknown, message };
};
