// What is behind the proxy: node app.ts ADDRESS PORT HTTP_PORT. A client that sends 16 bytes gets them back; one that sends
// eight, a number, gets as many bytes; what else comes is taken. The other port answers every request with 1 MB.
import { createServer } from 'node:net';
import { createServer as createHttpServer } from 'node:http';

const [address = '127.0.0.1', port = '0', httpPort = '0'] = process.argv.slice(2);
const block = Buffer.alloc(1024 * 1024, 'x');

createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    if (first.length === 16) socket.end(first);
    else if (first.length === 8) {
      let left = Number(first.readBigUInt64BE());
      const write = (): void => {
        while (left > 0) {
          const part = left >= block.length ? block : block.subarray(0, left);
          left -= part.length;
          if (!socket.write(part)) return void socket.once('drain', write);
        }
        socket.end();
      };
      write();
    } else socket.resume().on('end', () => socket.end('.'));
  });
}).listen(Number(port), address);

createHttpServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-length': block.length }).end(block);
}).listen(Number(httpPort), address);
