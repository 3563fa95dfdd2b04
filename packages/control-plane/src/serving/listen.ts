import type { Server } from 'node:net';
import { WeftError } from '@weft/base/errors';

/** Opens a listening socket and answers its port; WeftError `portInUse` says which address could not be had, and why. */
export const listen = (server: Server, address: string, port: number, purpose: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const advice =
        error.code === 'EADDRINUSE'
          ? 'another process listens there; stop it, or choose another --address'
          : 'choose another --address';
      reject(
        new WeftError('portInUse', `cannot listen on ${address}:${port} for ${purpose} (${error.code}): ${advice}`, {
          cause: error,
        }),
      );
    };
    server.once('error', failed);
    server.listen(port, address, () => {
      server.off('error', failed);
      const bound = server.address();
      resolve(typeof bound === 'object' && bound ? bound.port : port);
    });
  });
