// gRPC (@grpc/grpc-js, which this file alone needs): metadata handed on from the call that is being served.
import { InterceptingCall, type Interceptor, type Metadata } from '@grpc/grpc-js';
import { propagatedNow, withPropagation } from './propagation.ts';

/** For a client: `new Client(address, credentials, { interceptors: [propagationInterceptor] })`. */
export const propagationInterceptor: Interceptor = (options, nextCall) => {
  const propagated = propagatedNow();
  return new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      for (const [name, value] of propagated)
        if (metadata.get(name).length === 0)
          metadata.set(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
      next(metadata, listener);
    },
  });
};

/** Metadata as headers, so that `propagatedFrom` can choose from them. */
const headersOf = (metadata: Metadata): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const name of Object.keys(metadata.getMap()))
    headers[name] = metadata
      .get(name)
      .map((value) => (typeof value === 'string' ? value : value.toString('base64')))
      .join(', ');
  return headers;
};

/**
 * For a server: wraps a handler of any kind, so that what it calls hands on the metadata of the call it serves:
 * `server.addService(definition, { charge: propagating(charge) })`.
 */
export const propagating =
  <C extends { readonly metadata: Metadata }, R extends readonly unknown[], T>(
    handler: (call: C, ...rest: R) => T,
    also: readonly string[] = [],
  ): ((call: C, ...rest: R) => T) =>
  (call, ...rest) =>
    withPropagation({ headers: headersOf(call.metadata) }, () => handler(call, ...rest), also);
