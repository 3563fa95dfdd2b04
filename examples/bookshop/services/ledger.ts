// A ledger over plain TCP: each line is an entry, answered with its number. The mesh puts it under mutual TLS.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

let entries = 0;
let connections = 0;

const server = createServer((socket) => {
  connections++;
  socket.on('error', () => {});
  createInterface({ input: socket }).on('line', (line) => {
    if (line === 'counters') socket.write(`${JSON.stringify({ entries, connections })}\n`);
    else socket.write(`ok ${++entries} ${line}\n`);
  });
});
server.listen(Number(process.env.PORT ?? 7000), process.env.HOST ?? '0.0.0.0');
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
