/**
 * How much a peer may send, of a stream or of the connection (RFC 9113 section 5.2). Window is given back in large pieces: when half
 * of it has been consumed.
 */
export class ReceiveWindow {
  readonly #size: number;
  /** What the peer may still send. */
  #left: number;
  #consumed = 0;

  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** False: more than was allowed. */
  receive(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** How much window to give the peer now; usually 0. */
  consume(bytes: number): number {
    this.#consumed += bytes;
    const increment = this.#consumed;
    if (increment * 2 < this.#size) return 0;
    this.#consumed = 0;
    this.#left += increment;
    return increment;
  }
}
