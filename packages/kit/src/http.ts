import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Kit } from './kit.ts';

/** A listener of `node:http`, which may be asynchronous. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * For `node:http`: `createServer(httpListener(kit, listener))`. `routeOf` names the route in metrics; it must have few
 * values, so without it all requests are one route. What the listener throws is logged and answered with 500.
 */
export const httpListener = (
  kit: Kit,
  listener: Listener,
  routeOf: (request: IncomingMessage) => string = () => 'all',
): RequestListener => {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await listener(request, response);
    } catch (error) {
      kit.log.error(error, 'the listener failed');
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    }
  };
  return (request, response) => {
    kit.handle(
      request,
      response,
      () => void serve(request, response),
      () => routeOf(request),
    );
  };
};
