/**
 * Owns what must be undone: closers run once, last first, when the scope closes. A closer that throws does not keep
 * the others from running; the first error is rethrown at the end. Adding to a closed scope runs the closer at once,
 * so a resource opened during shutdown is not leaked.
 */
export class Scope {
  #closers: (() => void | Promise<void>)[] = [];
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  add(close: () => void | Promise<void>): void {
    if (this.#closed) void Promise.resolve(close());
    else this.#closers.push(close);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    let failure: { error: unknown } | undefined;
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}
