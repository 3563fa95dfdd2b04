import type { Http2Session } from '@weft/wire/http2/session';

/**
 * Sessions with frames to write, each written once when the turn of the event loop is over: what many requests of a
 * connection add up to within a turn is one write, and one TLS record.
 */
let waiting: Http2Session[] = [];
let flushing: Http2Session[] = [];

const flushAll = (): void => {
  const sessions = waiting;
  waiting = flushing;
  flushing = sessions;
  for (const session of sessions) session.flush();
  sessions.length = 0;
};

/** For `Http2SessionEvents.onDirty`, which calls it once for each flush. */
export const flushLater = (session: Http2Session): void => {
  if (waiting.length === 0) setImmediate(flushAll);
  waiting.push(session);
};
