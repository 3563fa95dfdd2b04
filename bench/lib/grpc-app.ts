// node grpc-app.ts ADDRESS PORT: answers each gRPC message with the same message, unary calls and streams alike. On the codec of the
// proxy itself, so that it takes as little of the load's core as it can.
import { createServer } from 'node:net';
import { errorCodes } from '@weft/wire/http2/error-codes';
import { Http2Counters } from '@weft/wire/http2/counters';
import { defaultHttp2Options } from '@weft/wire/http2/options';
import { Http2Session } from '@weft/wire/http2/session';
import type { Http2Stream } from '@weft/wire/http2/stream';
import type { Http2StreamSink } from '@weft/wire/http2/events';

class Echo implements Http2StreamSink {
  readonly #stream: Http2Stream;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
    stream.respond(200, ['content-type', 'application/grpc'], [], false);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#stream.data(buffer, start, end);
  }

  onEnd(): void {
    this.#stream.end(['grpc-status', '0']);
  }

  onReset(): void {}
  onWritable(): void {}
}

const counters = new Http2Counters();
const [address, port] = process.argv.slice(2) as [string, string];
createServer({ noDelay: true }, (socket) => {
  const session = new Http2Session(
    'server',
    { ...defaultHttp2Options, maxConcurrentStreams: 1024 },
    { write: (buffer, written) => socket.write(buffer, written) },
    {
      onStream: (stream) => void (stream.sink = new Echo(stream)),
      onGoaway() {},
      onSessionError(code, message) {
        if (code !== errorCodes.NO_ERROR) console.error(message);
        socket.destroy();
      },
      onSettings() {},
      onPing() {},
      onStreamClosed() {},
      onDirty: (s) => void setImmediate(() => s.flush()),
    },
    counters,
  );
  socket.on('data', (bytes: Buffer) => session.push(bytes, 0, bytes.length));
  socket.on('drain', () => session.drained());
  socket.on('error', () => undefined);
  socket.on('close', () => session.stop());
  session.start();
}).listen(Number(port), address);
