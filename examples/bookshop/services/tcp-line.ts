// One line over TCP, one line back, over a connection of its own.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** Of a service, as Kubernetes tells: on a laptop it is the sidecar's listener for it. */
const placeOf = (service: string): { host: string; port: number } => ({
  host: process.env[`${service.toUpperCase()}_SERVICE_HOST`] ?? service,
  port: Number(process.env[`${service.toUpperCase()}_SERVICE_PORT`] ?? 7000),
});

export const askLine = (service: string, line: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(placeOf(service));
    socket.setTimeout(2_000, () => socket.destroy(new Error(`${service} does not answer`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${service} closed the connection without an answer`)));
    const lines = createInterface({ input: socket });
    // It repeats what its input says, which is told above.
    lines.on('error', () => {});
    lines.once('line', (answer) => {
      resolve(answer);
      socket.end();
    });
    socket.write(`${line}\n`);
  });
