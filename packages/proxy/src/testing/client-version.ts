/**
 * What the clients of a test file speak. `stack-over-http2.test.ts` switches to HTTP/2 and runs the other files' tests again:
 * whatever holds for one version holds for the other.
 */
let http2 = false;

export const speakHttp2 = (): void => {
  http2 = true;
};

export const clientsSpeakHttp2 = (): boolean => http2;

/** Options of a test about what only HTTP/1 has. */
export const http1Only = (): { readonly skip: string | false } => ({ skip: http2 ? 'HTTP/1 alone has it' : false });
