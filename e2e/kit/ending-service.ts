// A service for life.test.ts: `/held` answers after a while, anything else at once.
import { createServer } from 'node:http';
import { httpListener } from '@weft/kit/http';
import { createKit } from '@weft/kit/kit';

const kit = createKit({ service: 'ending', shutdown: { drainPauseMs: 400, deadlineMs: 5_000 } });
kit.onClose(() => kit.log.info('closing what is behind it'));
const server = createServer(
  httpListener(kit, (request, response) => {
    if (request.url === '/for-ever') return;
    if (request.url !== '/held') return void response.end('served');
    response.write('first ');
    setTimeout(() => response.end('last'), 900);
  }),
);
await kit.serve(server, { port: 0, host: '127.0.0.1' });
