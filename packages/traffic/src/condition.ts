import type { CidrRange } from './cidr.ts';
import type { HeaderMatcher } from './header-matcher.ts';
import { type ConnectionView, hasPath, type RequestView } from './request.ts';
import type { StringMatcher } from './string-matcher.ts';

/**
 * Kleene's three-valued logic. A condition about HTTP is unknown on a plain TCP connection, and so is one about
 * metadata that nobody here writes. Unknown stays unknown under NOT; at the top ALLOW takes it for false and DENY for
 * true, so a policy never opens because of something that could not be looked at.
 */
export type Truth = 0 | 1 | 2;
export const FALSE = 0;
export const TRUE = 1;
export const UNKNOWN = 2;

/** A permission or principal of an RBAC policy. `toString` says it in words, for explanations. */
export interface Condition {
  evaluate(connection: ConnectionView, request: RequestView | null): Truth;
  toString(): string;
}

export class And implements Condition {
  readonly #parts: readonly Condition[];
  constructor(parts: readonly Condition[]) {
    this.#parts = parts;
  }
  evaluate(connection: ConnectionView, request: RequestView | null): Truth {
    let result: Truth = TRUE;
    for (let i = 0; i < this.#parts.length; i++) {
      const truth = (this.#parts[i] as Condition).evaluate(connection, request);
      if (truth === FALSE) return FALSE;
      if (truth === UNKNOWN) result = UNKNOWN;
    }
    return result;
  }
  toString(): string {
    return this.#parts.length === 1 ? String(this.#parts[0]) : `(${this.#parts.join(' and ')})`;
  }
}

export class Or implements Condition {
  readonly #parts: readonly Condition[];
  constructor(parts: readonly Condition[]) {
    this.#parts = parts;
  }
  evaluate(connection: ConnectionView, request: RequestView | null): Truth {
    let result: Truth = FALSE;
    for (let i = 0; i < this.#parts.length; i++) {
      const truth = (this.#parts[i] as Condition).evaluate(connection, request);
      if (truth === TRUE) return TRUE;
      if (truth === UNKNOWN) result = UNKNOWN;
    }
    return result;
  }
  toString(): string {
    return this.#parts.length === 1 ? String(this.#parts[0]) : `(${this.#parts.join(' or ')})`;
  }
}

export class Not implements Condition {
  readonly #part: Condition;
  constructor(part: Condition) {
    this.#part = part;
  }
  evaluate(connection: ConnectionView, request: RequestView | null): Truth {
    const truth = this.#part.evaluate(connection, request);
    return truth === UNKNOWN ? UNKNOWN : truth === TRUE ? FALSE : TRUE;
  }
  toString(): string {
    return `not ${String(this.#part)}`;
  }
}

export const anything: Condition = { evaluate: () => TRUE, toString: () => 'anything' };

/** Something that weft has no knowledge of, such as another filter's dynamic metadata. */
export class Unknowable implements Condition {
  readonly #what: string;
  constructor(what: string) {
    this.#what = what;
  }
  evaluate(): Truth {
    return UNKNOWN;
  }
  toString(): string {
    return this.#what;
  }
}

export class HeaderIs implements Condition {
  readonly #matcher: HeaderMatcher;
  constructor(matcher: HeaderMatcher) {
    this.#matcher = matcher;
  }
  evaluate(_connection: ConnectionView, request: RequestView | null): Truth {
    if (request === null) return UNKNOWN;
    return this.#matcher.matches(request) ? TRUE : FALSE;
  }
  toString(): string {
    return String(this.#matcher);
  }
}

/** The path without its query; a CONNECT has none and does not match. */
export class PathIs implements Condition {
  readonly #matcher: StringMatcher;
  constructor(matcher: StringMatcher) {
    this.#matcher = matcher;
  }
  evaluate(_connection: ConnectionView, request: RequestView | null): Truth {
    if (request === null) return UNKNOWN;
    const { path } = request;
    if (!hasPath(path)) return FALSE;
    const question = path.indexOf('?');
    return this.#matcher.matches(question === -1 ? path : path.slice(0, question)) ? TRUE : FALSE;
  }
  toString(): string {
    return `path ${String(this.#matcher)}`;
  }
}

/** `direct source`: of the peer itself, whomever a PROXY header speaks of. */
export type AddressOf = 'source' | 'direct source' | 'destination';

export class AddressIn implements Condition {
  readonly #which: AddressOf;
  readonly #range: CidrRange;
  constructor(which: AddressOf, range: CidrRange) {
    this.#which = which;
    this.#range = range;
  }
  evaluate(connection: ConnectionView): Truth {
    return this.#range.contains(this.#addressOf(connection)) ? TRUE : FALSE;
  }
  #addressOf({ sourceAddress, destinationAddress, directAddress }: ConnectionView): string {
    if (this.#which === 'destination') return destinationAddress;
    return this.#which === 'source' ? sourceAddress : (directAddress ?? sourceAddress);
  }
  toString(): string {
    return `${this.#which} address in ${this.#range.text}`;
  }
}

/** `start` is in the range, `end` is not. */
export class PortIn implements Condition {
  readonly #start: number;
  readonly #end: number;
  constructor(start: number, end: number) {
    this.#start = start;
    this.#end = end;
  }
  evaluate(connection: ConnectionView): Truth {
    return connection.destinationPort >= this.#start && connection.destinationPort < this.#end ? TRUE : FALSE;
  }
  toString(): string {
    return this.#end - this.#start === 1 ? `port ${this.#start}` : `port in [${this.#start}, ${this.#end})`;
  }
}

export class ServerNameIs implements Condition {
  readonly #matcher: StringMatcher;
  constructor(matcher: StringMatcher) {
    this.#matcher = matcher;
  }
  evaluate(connection: ConnectionView): Truth {
    return this.#matcher.matches(connection.sni) ? TRUE : FALSE;
  }
  toString(): string {
    return `server name ${String(this.#matcher)}`;
  }
}

/** The peer proved who it is by mutual TLS; with a matcher, its whole URI SAN (`spiffe://…`) must match. */
export class PrincipalIs implements Condition {
  readonly #matcher: StringMatcher | null;
  constructor(matcher: StringMatcher | null) {
    this.#matcher = matcher;
  }
  evaluate(connection: ConnectionView): Truth {
    if (!connection.mtls || connection.peerPrincipal === '') return FALSE;
    return this.#matcher === null || this.#matcher.matches(connection.peerPrincipal) ? TRUE : FALSE;
  }
  toString(): string {
    return this.#matcher ? `principal ${String(this.#matcher)}` : 'any authenticated principal';
  }
}
