import type { Http2Session } from 'node:http2';
import type { Clock, Timer } from '@weft/base/clock';

/** Pings the peer every `intervalMs`, and destroys the session if an answer is not there by the next. */
export const keepAlive = (session: Http2Session, clock: Clock, intervalMs: number): Timer => {
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
