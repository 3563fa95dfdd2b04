import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import type { GracefulShutdown } from './graceful-shutdown.ts';
import type { Kit, ServeOptions } from './kit.ts';

/** For Fastify: `app.register(fastifyPlugin(kit))`, before your routes; then `serveFastify(kit, app)`. */
export const fastifyPlugin = (kit: Kit): FastifyPluginCallback => {
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      const passed = kit.handle(
        request.raw,
        reply.raw,
        () => next(),
        () => request.routeOptions.url ?? 'unmatched',
      );
      // What the kit answers, Fastify must not answer too.
      if (!passed) reply.hijack();
    });
    done();
  };
  // For all routes, not only for those registered inside: https://fastify.dev/docs/latest/Reference/Plugins-Guide/
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
};

/** `kit.serve` for Fastify: its `onClose` hooks run when the last request is answered. */
export const serveFastify = async (
  kit: Kit,
  app: FastifyInstance,
  options: ServeOptions = {},
): Promise<GracefulShutdown> => {
  await app.ready();
  kit.onClose(() => app.close());
  return kit.serve(app.server, options);
};
