// node grpc-streams.ts JSON: bidirectional gRPC streams, whose messages come back. Without a rate each stream has one message under
// way; with one, messages are sent when they are due, whether answers come or not. Prints what came of it as JSON.
import { connect } from 'node:net';
import { Http2Counters } from '@weft/wire/http2/counters';
import type { Http2ResponseSink } from '@weft/wire/http2/events';
import { defaultHttp2Options } from '@weft/wire/http2/options';
import { Http2Session } from '@weft/wire/http2/session';
import type { Http2Stream } from '@weft/wire/http2/stream';
import type { Load } from './load.ts';

export interface StreamLoad {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly streams: number;
  /** Of a message, with its prefix of five octets. */
  readonly bytes: number;
  readonly seconds: number;
  /** Messages a second, or 0. */
  readonly rate: number;
}

const load = JSON.parse(process.argv[2] as string) as StreamLoad;
const message = Buffer.alloc(load.bytes, 'x');
message[0] = 0;
message.writeUInt32BE(load.bytes - 5, 1);

let messages = 0;
let errors = 0;
let stopped = false;
const latencies: number[] = [];

/** One stream: counts whole messages, and knows when each was due. */
class Call implements Http2ResponseSink {
  stream: Http2Stream | null = null;
  #received = 0;
  readonly #due: number[] = [];

  send(due: number): void {
    this.#due.push(due);
    this.stream?.data(message, 0, message.length);
  }

  onHead(head: { status: number }): void {
    if (head.status !== 200) errors++;
  }

  onData(_: Buffer, start: number, end: number): void {
    this.#received += end - start;
    while (this.#received >= load.bytes) {
      this.#received -= load.bytes;
      messages++;
      const now = performance.now();
      latencies.push(now - (this.#due.shift() ?? now));
      if (load.rate === 0 && !stopped) this.send(now);
    }
  }

  onEnd(trailers: readonly string[]): void {
    if (!stopped || trailers[trailers.indexOf('grpc-status') + 1] !== '0') errors++;
  }

  onReset(): void {
    if (!stopped) errors++;
  }

  onWritable(): void {}
}

const calls: Call[] = [];
for (let c = 0; c < load.connections; c++) {
  const socket = connect({ host: load.address, port: load.port, noDelay: true });
  const session: Http2Session = new Http2Session(
    'client',
    { ...defaultHttp2Options, initialStreamWindow: 1 << 24, initialConnectionWindow: 1 << 28 },
    { write: (buffer, written) => socket.write(buffer, written) },
    {
      onStream() {},
      onGoaway() {},
      onSessionError: () => void errors++,
      onSettings() {},
      onPing() {},
      onStreamClosed() {},
      onDirty: (s) => void setImmediate(() => s.flush()),
    },
    new Http2Counters(),
  );
  socket.on('data', (bytes: Buffer) => session.push(bytes, 0, bytes.length));
  socket.on('drain', () => session.drained());
  socket.on('error', () => void errors++);
  session.start();
  for (let s = 0; s < load.streams; s++) {
    const call = new Call();
    const headers = ['content-type', 'application/grpc', 'te', 'trailers', 'user-agent', 'weft-bench'];
    call.stream = session.openStream(call, 'POST', 'http', load.host, load.path, '', headers, [], false);
    calls.push(call);
  }
}

const startMs = performance.now();
if (load.rate === 0) for (const call of calls) call.send(startMs);
else {
  let sent = 0;
  const ticks = setInterval(() => {
    const wanted = Math.floor(((performance.now() - startMs) * load.rate) / 1000);
    for (; sent < wanted && !stopped; sent++)
      calls[sent % calls.length]?.send(startMs + ((sent + 1) * 1000) / load.rate);
    if (stopped) clearInterval(ticks);
  }, 1);
}
setTimeout(() => {
  stopped = true;
  for (const call of calls) call.stream?.end([]);
  latencies.sort((a, b) => a - b);
  const at = (q: number): number => latencies[Math.floor((latencies.length - 1) * q)] ?? Number.NaN;
  const result: Load = {
    requests: messages,
    seconds: load.seconds,
    errors,
    bytes: messages * load.bytes,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}, load.seconds * 1000);
