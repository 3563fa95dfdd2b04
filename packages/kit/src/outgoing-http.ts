// Headers handed on by every request of node:http and node:https, whoever makes it. The functions of both modules are
// wrapped, for importers too (`syncBuiltinESMExports`). What was taken out of the modules before is caught by Node's
// diagnostics channel `http.client.request.created` (Node 22.12 and later), unless it passes headers as an array.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import http, { type ClientRequest, type RequestOptions } from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { type Propagated, propagatedNow } from './propagation.ts';

type Arguments = [unknown, unknown?, unknown?];
type RequestFunction = (...args: Arguments) => ClientRequest;

const CREATED = 'http.client.request.created';

const onCreated = (message: unknown): void => {
  const { request } = message as { request: ClientRequest };
  if (request.headersSent) return;
  for (const [name, value] of propagatedNow()) if (!request.hasHeader(name)) request.setHeader(name, value);
};

type Headers = NonNullable<RequestOptions['headers']>;

/** The caller's headers and those of ours that the caller did not set; an array stays one, as Node sends it as it is. */
const merge = (own: Headers | undefined, propagated: Propagated): Headers => {
  if (Array.isArray(own)) {
    // Flat, [name, value, name, value], as Node takes it; pairs in older code.
    const paired = Array.isArray(own[0]);
    const items = own as readonly unknown[];
    const given = paired ? items.map((pair) => (pair as unknown[])[0]) : items.filter((_, index) => index % 2 === 0);
    const names = new Set(given.map((name) => String(name).toLowerCase()));
    const added = [...propagated].filter(([name]) => !names.has(name));
    return [...own, ...(paired ? (added as unknown as string[]) : added.flat())];
  }
  const names = new Set(Object.keys(own ?? {}).map((name) => name.toLowerCase()));
  return { ...(own as object), ...Object.fromEntries([...propagated].filter(([name]) => !names.has(name))) };
};

/** `request(options)`, `request(url, options)`, each with or without a callback: the same with our headers in `options`. */
const withHeaders = (args: Arguments, propagated: Propagated): Arguments => {
  const [first, second, third] = args;
  const isOptions = (value: unknown): value is RequestOptions =>
    typeof value === 'object' && value !== null && !(value instanceof URL);
  const extend = (options: RequestOptions): RequestOptions => ({
    ...options,
    headers: merge(options.headers, propagated),
  });
  if (isOptions(first)) return [extend(first), second, third];
  if (isOptions(second)) return [first, extend(second), third];
  return [first, extend({}), typeof second === 'function' ? second : third];
};

const wrap =
  (original: RequestFunction): RequestFunction =>
  (...args) => {
    const propagated = propagatedNow();
    return propagated.size === 0 ? original(...args) : original(...withHeaders(args, propagated));
  };

/** Wraps them, until what it returns is called. */
export const propagateHttp = (): (() => void) => {
  const modules = [http, https] as unknown as { request: RequestFunction; get: RequestFunction }[];
  const originals = modules.map(({ request, get }) => ({ request, get }));
  for (const module of modules) {
    module.request = wrap(module.request);
    module.get = wrap(module.get);
  }
  syncBuiltinESMExports();
  subscribe(CREATED, onCreated);
  return () => {
    for (const [index, module] of modules.entries()) Object.assign(module, originals[index]);
    syncBuiltinESMExports();
    unsubscribe(CREATED, onCreated);
  };
};
