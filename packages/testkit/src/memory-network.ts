import { Duplex, type DuplexOptions } from 'node:stream';

/**
 * Two ends of a connection in memory. What is written to one is read from the other, with its back-pressure; ending
 * one half-closes, destroying one resets the other.
 */
export const connectionPair = (options: DuplexOptions = {}): [Duplex, Duplex] => {
  const a = new End({ allowHalfOpen: true, ...options });
  const b = new End({ allowHalfOpen: true, ...options });
  a.peer = b;
  b.peer = a;
  return [a, b];
};

class End extends Duplex {
  peer!: End;
  #resume: (() => void) | null = null;

  override _read(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.peer.push(chunk)) done();
    else this.peer.#resume = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.peer.destroyed) setImmediate(() => this.peer.destroy(error ?? undefined));
    done(error);
  }
}
