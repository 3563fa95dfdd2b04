import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x81;
const CLOSE = 0x88;

/** An application that speaks WebSocket (RFC 6455) over HTTP/1.1 and echoes texts in upper case; strict about the handshake. */
export class WebSocketApp {
  readonly handshakes: IncomingHttpHeaders[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor() {
    this.#server = createServer((_, response) => void response.writeHead(426).end());
    this.#server.on('upgrade', (request, socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      this.handshakes.push(request.headers);
      const key = request.headers['sec-websocket-key'];
      if (key === undefined || request.headers['sec-websocket-version'] !== '13') {
        socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      const accept = createHash('sha1')
        .update(key + GUID)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      let held = Buffer.alloc(0);
      socket.on('data', (bytes: Buffer) => {
        held = Buffer.concat([held, bytes]);
        for (let frame = readFrame(held); frame !== null; frame = readFrame(held)) {
          held = held.subarray(frame.bytes);
          if (frame.opcode === TEXT) socket.write(writeFrame(TEXT, frame.payload.toString().toUpperCase()));
          else if (frame.opcode === CLOSE) socket.end(writeFrame(CLOSE, ''));
        }
      });
    });
  }

  static async start(): Promise<WebSocketApp> {
    const app = new WebSocketApp();
    await new Promise<void>((resolve) => app.#server.listen(0, '127.0.0.1', () => resolve()));
    return app;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Of short payloads, which is all that tests send. `mask`: a client's. */
export const writeFrame = (opcode: number, text: string, mask?: Buffer): Buffer => {
  const payload = Buffer.from(text);
  if (mask === undefined) return Buffer.concat([Buffer.from([opcode, payload.length]), payload]);
  return Buffer.concat([
    Buffer.from([opcode, payload.length | 0x80]),
    mask,
    payload.map((b, i) => b ^ (mask[i % 4] ?? 0)),
  ]);
};

const readFrame = (bytes: Buffer): { opcode: number; payload: Buffer; bytes: number } | null => {
  if (bytes.length < 6) return null;
  const length = (bytes[1] as number) & 0x7f;
  if (bytes.length < 6 + length) return null;
  const mask = bytes.subarray(2, 6);
  const payload = Buffer.from(bytes.subarray(6, 6 + length).map((b, i) => b ^ (mask[i % 4] as number)));
  return { opcode: bytes[0] as number, payload, bytes: 6 + length };
};
