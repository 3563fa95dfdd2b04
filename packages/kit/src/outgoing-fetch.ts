// Headers handed on by every `fetch`, and by the npm package undici too: both announce a request before they send it
// (https://undici.nodejs.org/#/docs/api/DiagnosticsChannel), in the context of whoever made it.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { propagatedNow } from './propagation.ts';

/** undici's request: headers are `name, value, name, value …`; of undici 5 one string of lines. */
interface UndiciRequest {
  readonly method: string;
  readonly headers: readonly unknown[] | string;
  addHeader(name: string, value: string): void;
}

const CREATE = 'undici:request:create';

const namesOf = (headers: UndiciRequest['headers']): Set<string> =>
  new Set(
    typeof headers === 'string'
      ? headers.split('\r\n').map((line) => (line.split(':')[0] as string).toLowerCase())
      : headers.filter((_, index) => index % 2 === 0).map((name) => String(name).toLowerCase()),
  );

const onCreate = (message: unknown): void => {
  const { request } = message as { request: UndiciRequest };
  const propagated = propagatedNow();
  // CONNECT opens a tunnel to a proxy: the request itself comes after it.
  if (propagated.size === 0 || request.method === 'CONNECT') return;
  const own = namesOf(request.headers);
  for (const [name, value] of propagated) if (!own.has(name)) request.addHeader(name, value);
};

/** Until what it returns is called. */
export const propagateFetch = (): (() => void) => {
  subscribe(CREATE, onCreate);
  return () => unsubscribe(CREATE, onCreate);
};
