import type { Request, RequestHandler } from 'express';
import type { Kit } from './kit.ts';

/** For Express: `app.use(expressMiddleware(kit))`, before anything else; then `kit.serve(createServer(app))`. */
export const expressMiddleware =
  (kit: Kit): RequestHandler =>
  (request, response, next) => {
    kit.handle(
      request,
      response,
      () => next(),
      () => routeOf(request),
    );
  };

/** The pattern that matched, with the routers' prefixes. */
const routeOf = (request: Request): string => {
  const route = request.route as { path?: unknown } | undefined;
  return route ? `${request.baseUrl}${String(route.path)}` : 'unmatched';
};
