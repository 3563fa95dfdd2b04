import type { Clock } from '@weft/base/clock';
import type { ClientHttp2Session } from 'node:http2';

/** Resolves when the session can be used; rejects if it fails first, in time or by the signal. */
export const whenConnected = (
  session: ClientHttp2Session,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onAbort = (): void => settle(() => reject(new Error('closed')));
    const timer = clock.setTimer(timeoutMs, () => settle(() => reject(new Error(`no connection in ${timeoutMs} ms`))));
    signal.addEventListener('abort', onAbort);
    // A session without an error listener would end the process.
    session.on('error', (error: Error) => settle(() => reject(error)));
    session.once('close', () => settle(() => reject(new Error('the connection was closed'))));
    if (signal.aborted) onAbort();
    else if (session.destroyed) settle(() => reject(new Error('the connection was closed')));
    else if (!session.connecting) settle(resolve);
    else session.once('connect', () => settle(resolve));
  });
