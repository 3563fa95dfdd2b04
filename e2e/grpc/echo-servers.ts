import {
  type Client,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

const DEADLINE_MS = 30_000;

/** A service without a .proto: bytes are UTF-8 text. */
const echo = {
  say: {
    path: '/echo.Echo/Say',
    requestStream: false,
    responseStream: false,
    requestSerialize: (text: string) => Buffer.from(text),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: (bytes: Buffer) => bytes.toString(),
  },
} as const;

/** A server that answers its own name. Port 0: any free one. */
export const startEcho = async (
  name: string,
  address: string,
  port: number,
  credentials = ServerCredentials.createInsecure(),
): Promise<{ server: Server; port: number }> => {
  const server = new Server();
  const implementation: UntypedServiceImplementation = {
    say: (_call: unknown, answer: (error: null, text: string) => void) => answer(null, name),
  };
  server.addService(echo, implementation);
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`${address}:${port}`, credentials, (error, value) => (error ? reject(error) : resolve(value))),
  );
  return { server, port: bound };
};

/** Who answers. */
export const call = (client: Client): Promise<string> =>
  new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = echo.say;
    const metadata = new Metadata({ waitForReady: true });
    const done = (error: ServiceError | null, text?: string): void => (error ? reject(error) : resolve(text ?? ''));
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      'hello',
      metadata,
      { deadline: Date.now() + DEADLINE_MS },
      done,
    );
  });
