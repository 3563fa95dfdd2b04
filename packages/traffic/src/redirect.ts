import type { RequestView } from './request.ts';
import type { PathRewrite, RedirectAction } from './route-table.ts';

export interface RedirectParts {
  readonly status: number;
  /** Empty parts stay as the request has them. */
  readonly scheme: '' | 'http' | 'https';
  readonly host: string;
  /** 0: the request's port, unless the scheme changes and it was the old scheme's own. */
  readonly port: number;
  /** The whole new path; with a `?` in it the request's query is dropped. */
  readonly path: string;
  readonly rewrite: PathRewrite | null;
  /** The matched part of the path is replaced. */
  readonly prefix: { readonly matchedLength: number; readonly replacement: string } | null;
  readonly stripQuery: boolean;
}

/** Builds `Location` as Envoy's `RouteEntryImplBase::newUri` documents it (route.v3.RedirectAction). */
export class Redirect implements RedirectAction {
  readonly kind = 'redirect';
  readonly status: number;
  readonly #parts: RedirectParts;

  constructor(parts: RedirectParts) {
    this.status = parts.status;
    this.#parts = parts;
  }

  location(request: RequestView): string {
    const { scheme, host, port } = this.#parts;
    const newScheme = scheme || request.scheme;
    const newHost = host || hostOf(request, newScheme, port !== 0);
    return `${newScheme}://${newHost}${port === 0 ? '' : `:${port}`}${this.#path(request.path)}`;
  }

  #path(requestPath: string): string {
    const { path, prefix, rewrite, stripQuery } = this.#parts;
    const question = requestPath.indexOf('?');
    const pathOnly = question === -1 ? requestPath : requestPath.slice(0, question);
    const query = question === -1 || stripQuery ? '' : requestPath.slice(question);
    if (path) return path.includes('?') ? path : path + query;
    if (prefix) return prefix.replacement + pathOnly.slice(prefix.matchedLength) + query;
    return (rewrite ? rewrite.rewrite(pathOnly) : pathOnly) + query;
  }
}

/** The request's host; without its port where the redirect has one, or where it was the default of the scheme it leaves. */
const hostOf = (request: RequestView, newScheme: string, portChanges: boolean): string => {
  const { authority, scheme } = request;
  const colon = authority.startsWith('[') ? authority.indexOf(']:') + 1 : authority.lastIndexOf(':');
  if (colon <= 0) return authority;
  const port = authority.slice(colon);
  const leavesDefault = newScheme !== scheme && port === (scheme === 'https' ? ':443' : ':80');
  return portChanges || leavesDefault ? authority.slice(0, colon) : authority;
};
