/**
 * Whether applications of tests (`TestApp`) speak HTTP/2, and clusters of them with it; and two sidecars to each other. Set
 * before the tests are made, so that the same ones hold for both versions.
 */
let http2 = false;

const http2Ports = new Set<number>();

export const applicationsSpeakHttp2 = (): void => {
  http2 = true;
};

export const speaksHttp2 = (): boolean => http2;

/** An application listens there. */
export const listensAt = (port: number): void => {
  if (http2) http2Ports.add(port);
};

export const protocolAt = (ports: readonly number[]): 'http1' | 'http2' =>
  ports.some((port) => http2Ports.has(port)) ? 'http2' : 'http1';

/** For tests of what only HTTP/1.1 has on the way to an application. */
export const http1AppOnly = (): { skip?: string } => (http2 ? { skip: 'of HTTP/1.1 alone' } : {});
