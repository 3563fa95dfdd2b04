/** gRPC over node:http2, as much as ADS, SDS and the certificate service need. */
export { type OpenStreamOptions, openStream, type UnaryOptions, unary } from './grpc/client.ts';
export { type GrpcContext, type GrpcHandler, type ServeGrpcOptions, serveGrpc, unaryHandler } from './grpc/server.ts';
export { GrpcError, type GrpcStatus, grpcCodes } from './grpc/status.ts';
export type { GrpcStream } from './grpc/stream.ts';
