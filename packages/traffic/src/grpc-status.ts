/**
 * Between statuses of gRPC and HTTP, for answers that a proxy gives itself.
 * https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md, and the other way as Envoy has it.
 */
const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

export const grpcToHttpStatus = (grpcStatus: number): number => httpStatuses[grpcStatus] ?? 500;

export const httpToGrpcStatus = (status: number): number => {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
};
