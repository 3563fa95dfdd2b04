import type { Clock, Timer } from '@weft/base/clock';
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

/** Pings the peer every `intervalMs`, and destroys the session if an answer is not there by the next. */
export const keepAlive = (session: ClientHttp2Session, clock: Clock, intervalMs: number): Timer => {
  let answered = true;
  let timer: Timer;
  const tick = (): void => {
    if (session.destroyed) return;
    if (!answered) return session.destroy(new Error(`the peer has not answered for ${intervalMs} ms`));
    answered = false;
    session.ping((error) => {
      if (!error) answered = true;
    });
    timer = clock.setTimer(intervalMs, tick);
  };
  timer = clock.setTimer(intervalMs, tick);
  return { cancel: () => timer.cancel() };
};
