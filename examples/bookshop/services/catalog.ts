// The books. Version v2 knows their ratings.
import { callerOf } from './caller.ts';
import { type Handler, pod, serve, version } from './shop-server.ts';

const BOOKS = [
  { title: 'A Discipline of Programming', year: 1976, rating: 5 },
  { title: 'The Mythical Man-Month', year: 1975, rating: 4 },
  { title: 'Structure and Interpretation of Computer Programs', year: 1985, rating: 5 },
];

/** Requests for the books that were only copies: the mesh gives their host's name away. */
let copies = 0;

const handlers: Record<string, Handler> = {
  '/books': ({ headers: { host = '' } }) => {
    if (/^[^.:]*-shadow/.test(host)) copies++;
    return {
      status: 200,
      body: { pod, version, books: version === 'v1' ? BOOKS.map(({ title, year }) => ({ title, year })) : BOOKS },
    };
  },
  '/slow': async () => {
    // Longer than the route's timeout, which the VirtualService sets.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return { status: 200, body: { pod, version } };
  },
  '/whoami': (request) => ({
    status: 200,
    body: { pod, version, caller: callerOf(request), headers: request.headers },
  }),
};
serve(handlers, () => ({ copies }));
