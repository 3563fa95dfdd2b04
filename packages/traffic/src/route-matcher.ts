import type { HeaderMatcher } from './header-matcher.ts';
import type { PathMatcher } from './path-matcher.ts';
import type { QueryMatcher } from './query-matcher.ts';
import { headerValue, type RequestView } from './request.ts';

/** What a route asks of a request; all of it must hold. */
export class RouteMatcher {
  readonly #path: PathMatcher;
  readonly #headers: readonly HeaderMatcher[];
  readonly #query: readonly QueryMatcher[];
  /** Share of requests, in [0, 1]. */
  readonly #fraction: number;
  readonly #grpc: boolean;

  constructor(
    path: PathMatcher,
    headers: readonly HeaderMatcher[],
    query: readonly QueryMatcher[],
    fraction: number,
    grpc: boolean,
  ) {
    this.#path = path;
    this.#headers = headers;
    this.#query = query;
    this.#fraction = fraction;
    this.#grpc = grpc;
  }

  matches(request: RequestView): boolean {
    if (!this.#path.matches(request)) return false;
    for (let i = 0; i < this.#headers.length; i++) if (!this.#headers[i]?.matches(request)) return false;
    for (let i = 0; i < this.#query.length; i++) if (!this.#query[i]?.matches(request.path)) return false;
    if (this.#grpc && !isGrpc(request)) return false;
    return this.#fraction === 1 || requestShare(request) < this.#fraction;
  }

  /** The first condition that does not hold, in words; null exactly when `matches`. */
  firstFailure(request: RequestView): string | null {
    if (!this.#path.matches(request)) return String(this.#path);
    const header = this.#headers.find((h) => !h.matches(request));
    if (header) return String(header);
    const query = this.#query.find((q) => !q.matches(request.path));
    if (query) return String(query);
    if (this.#grpc && !isGrpc(request)) return 'a gRPC request';
    if (this.#fraction !== 1 && requestShare(request) >= this.#fraction) return `${this.#fraction * 100} % of requests`;
    return null;
  }

  toString(): string {
    const conditions = [String(this.#path), ...this.#headers.map(String), ...this.#query.map(String)];
    if (this.#grpc) conditions.push('a gRPC request');
    if (this.#fraction !== 1) conditions.push(`${this.#fraction * 100} % of requests`);
    return conditions.join(' and ');
  }
}

const isGrpc = (request: RequestView): boolean => {
  const type = headerValue(request.headers, 'content-type');
  return type !== undefined && /^application\/grpc(\+|$)/.test(type);
};

/**
 * Where in [0, 1) a request falls for `runtime_fraction`: a hash (FNV-1a with a final mix) of its `x-request-id`, so
 * that a decision can be repeated and explained. Without one, its path is hashed.
 */
export const requestShare = (request: RequestView): number => {
  const text = headerValue(request.headers, 'x-request-id') ?? request.path;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296;
};
