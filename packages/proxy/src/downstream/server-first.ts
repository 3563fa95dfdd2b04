import type { Clock } from '@weft/base/clock';

/** What was learnt is forgotten after this long. */
const LIFETIME_MS = 5 * 60_000;

/**
 * That the servers behind an outbound listener speak first, so that a client's silence need not be waited out each time.
 * Learnt only by seeing it: the client was silent for the whole timeout, then the server's bytes came first. Unlearnt as
 * soon as a client speaks first, or after LIFETIME_MS.
 *
 * Never for inbound listeners: whoever could teach one that it speaks no HTTP would lead others past its policies.
 */
export class ServerFirst {
  readonly #clock: Clock;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get known(): boolean {
    return this.#clock.monotonic() < this.#untilMs;
  }

  serverSpoke(): void {
    this.#untilMs = this.#clock.monotonic() + LIFETIME_MS;
  }

  clientSpoke(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }
}
