/**
 * Responses by status: `…_rq_200`, `…_rq_2xx` and `…_rq_completed` are all read from this one count, so that a response
 * costs one addition.
 */
export class ResponseCodes {
  /** Nearly all of them: kept out of the map. */
  #ok = 0;
  #others: Map<number, number> | null = null;

  add(status: number): void {
    if (status === 200) this.#ok++;
    else {
      this.#others ??= new Map();
      this.#others.set(status, (this.#others.get(status) ?? 0) + 1);
    }
  }

  reset(): void {
    this.#ok = 0;
    this.#others = null;
  }

  get total(): number {
    let sum = this.#ok;
    for (const count of this.#others?.values() ?? []) sum += count;
    return sum;
  }

  /** `hundreds`: 2 for 2xx. */
  ofClass(hundreds: number): number {
    let sum = hundreds === 2 ? this.#ok : 0;
    for (const [status, count] of this.#others ?? []) if (Math.trunc(status / 100) === hundreds) sum += count;
    return sum;
  }

  /** Status and count, rising by status; only those that occurred. */
  entries(): [number, number][] {
    const all: [number, number][] = [...(this.#others ?? [])];
    if (this.#ok > 0) all.push([200, this.#ok]);
    return all.sort(([a], [b]) => a - b);
  }
}
