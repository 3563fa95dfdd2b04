/**
 * Takes out of a response what is between two proxies, in place, and returns the value of `grpc-status` (empty if none).
 */
export const sieveResponseHeaders = (headers: string[]): string => {
  let grpcStatus = '';
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    switch (name.length) {
      case 11:
        if (name === 'grpc-status') grpcStatus = headers[i + 1] as string;
        break;
      case 21:
        if (name === 'x-envoy-peer-metadata') continue;
        break;
      case 24:
        if (name === 'x-envoy-peer-metadata-id') continue;
        break;
      case 29:
        if (name === 'x-envoy-upstream-service-time') continue;
        break;
      default:
    }
    if (kept !== i) {
      headers[kept] = name;
      headers[kept + 1] = headers[i + 1] as string;
    }
    kept += 2;
  }
  headers.length = kept;
  return grpcStatus;
};
