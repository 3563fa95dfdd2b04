import { connect } from 'node:http2';

const SERVING = 1;

/**
 * `grpc.health.v1.Health/Check` over HTTP/2 without TLS, as the kubelet's gRPC probe:
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md. Resolves to '' if the answer is SERVING.
 */
export const grpcHealth = (
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string> =>
  new Promise((resolve) => {
    const session = connect(`http://${host}:${port}`);
    const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const done = (failure: string): void => {
      resolve(failure);
      session.destroy();
    };
    stop.addEventListener('abort', () => done(`no answer in ${timeoutMs} ms`), { once: true });
    session.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const body: Buffer[] = [];
    let status = '';
    stream.once('response', (headers) => (status = String(headers['grpc-status'] ?? '')));
    stream.once('trailers', (headers) => (status = String(headers['grpc-status'] ?? '')));
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    stream.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    stream.once('end', () => {
      // Asked after the trailers have been seen.
      setImmediate(() => {
        if (status !== '0') return done(`grpc-status ${status || 'missing'}`);
        const answer = servingStatus(Buffer.concat(body));
        done(answer === SERVING ? '' : `the service is not serving (${answer})`);
      });
    });
    stream.end(healthRequest(service));
  });

/** A HealthCheckRequest (field 1: service) in gRPC's length-prefixed form. */
const healthRequest = (service: string): Buffer => {
  const name = Buffer.from(service).subarray(0, 127);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.of(0x0a, name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** HealthCheckResponse has one field, the status enum; 0 (UNKNOWN) is left out. */
const servingStatus = (frame: Buffer): number => (frame.length >= 7 && frame[5] === 0x08 ? (frame[6] as number) : 0);
