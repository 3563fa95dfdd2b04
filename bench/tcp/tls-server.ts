// A bare TLS server of Node's: node tls-server.ts ADDRESS PORT DIR, with cert.pem, key.pem and ca.pem in DIR. It asks for a
// certificate and answers a request with a small page.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:tls';

const [address = '127.0.0.1', port = '0', dir = '.'] = process.argv.slice(2);
const pem = (name: string): Buffer => readFileSync(join(dir, name));

createServer(
  {
    cert: pem('cert.pem'),
    key: pem('key.pem'),
    ca: pem('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
    ecdhCurve: 'X25519',
  },
  (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'));
  },
).listen(Number(port), address);
