import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@weft/base/clock';

export interface Asked {
  /** 0: no answer. */
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** One request on a connection of its own. */
export const ask = (port: number, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Asked> =>
  new Promise((resolve) => {
    const failed = (): void => resolve({ status: 0, body: '', headers: {} });
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      response.on('error', failed);
    });
    sent.on('error', failed);
    sent.end();
  });

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
};

export const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 3000; i++) {
    if (await holds()) return;
    await systemClock.sleep(10);
  }
  assert.fail(`never: ${what}`);
};
