import type { Clock, Timer } from '@weft/base/clock';

/**
 * A hashed timing wheel (Varghese and Lauck 1987, scheme 6): one clock timer for all the timeouts of a proxy, as a
 * timer of its own for each request would cost more than the request's parsing. Arming and disarming are O(1) and
 * allocate nothing. A timer fires at most one tick late, never early.
 *
 *     slots  [ 0 | 1 | 2 | … | 1023 ]   slot = tick of the deadline mod 1024; each slot a doubly linked ring
 *
 * Deadlines further than a turn away stay in their slot and are looked at once a turn. A timer that is armed again for
 * later is not moved: it is found too early, and put where it belongs then. So idle timeouts, re-armed by each
 * request, cost one assignment.
 */
export interface TimerTarget {
  /** `kind` is what the timer was made with: one target may own several. */
  onTimer(kind: string): void;
}

const SLOTS = 1024;
const NEVER = -1;

export class WheelTimer {
  readonly target: TimerTarget;
  readonly kind: string;
  /** Tick at which to fire; NEVER when disarmed. */
  deadline = NEVER;
  /** Tick of the slot it is linked into. */
  slotTick = NEVER;
  previous: WheelTimer | null = null;
  next: WheelTimer | null = null;

  constructor(target: TimerTarget, kind: string) {
    this.target = target;
    this.kind = kind;
  }

  get armed(): boolean {
    return this.deadline !== NEVER;
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: WheelTimer[] = [];
  #linked = 0;
  /** All slots up to and including this tick have been run. */
  #doneTick: number;
  #wakeTick = Number.POSITIVE_INFINITY;
  #wake: Timer | null = null;

  /** `tickMs`: granularity, default 10 ms. */
  constructor(clock: Clock, tickMs = 10) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#doneTick = Math.floor(clock.monotonic() / tickMs);
    const nobody: TimerTarget = { onTimer() {} };
    for (let i = 0; i < SLOTS; i++) {
      const ring = new WheelTimer(nobody, 'ring');
      ring.previous = ring;
      ring.next = ring;
      this.#slots.push(ring);
    }
  }

  /** Fires once, `delayMs` after `nowMs` (monotonic). An armed timer gets the new deadline. */
  arm(timer: WheelTimer, delayMs: number, nowMs: number): void {
    const tick = Math.max(Math.ceil((nowMs + delayMs) / this.#tickMs), this.#doneTick + 1);
    timer.deadline = tick;
    if (timer.slotTick !== NEVER && tick >= timer.slotTick) return;
    if (timer.slotTick !== NEVER) this.#unlink(timer);
    this.#link(timer, tick);
  }

  disarm(timer: WheelTimer): void {
    timer.deadline = NEVER;
    if (timer.slotTick !== NEVER) this.#unlink(timer);
  }

  #link(timer: WheelTimer, tick: number): void {
    const ring = this.#slots[tick % SLOTS] as WheelTimer;
    const last = ring.previous as WheelTimer;
    timer.slotTick = tick;
    timer.previous = last;
    timer.next = ring;
    last.next = timer;
    ring.previous = timer;
    this.#linked++;
    if (tick < this.#wakeTick) this.#schedule(tick);
  }

  #unlink(timer: WheelTimer): void {
    (timer.previous as WheelTimer).next = timer.next;
    (timer.next as WheelTimer).previous = timer.previous;
    timer.previous = null;
    timer.next = null;
    timer.slotTick = NEVER;
    this.#linked--;
  }

  #schedule(tick: number): void {
    this.#wake?.cancel();
    this.#wakeTick = tick;
    const delayMs = tick * this.#tickMs - this.#clock.monotonic();
    this.#wake = this.#clock.setTimer(Math.max(0, Math.ceil(delayMs)), () => this.#run());
  }

  #run(): void {
    this.#wake = null;
    this.#wakeTick = Number.POSITIVE_INFINITY;
    const now = Math.floor(this.#clock.monotonic() / this.#tickMs);
    // After a long pause one turn visits every slot.
    const first = Math.max(this.#doneTick + 1, now - SLOTS + 1);
    this.#doneTick = Math.max(this.#doneTick, now);
    for (let tick = first; tick <= now; tick++) this.#runSlot(this.#slots[tick % SLOTS] as WheelTimer, now);
    if (this.#linked > 0) this.#schedule(Math.min(this.#wakeTick, this.#nextOccupied(now)));
  }

  #runSlot(ring: WheelTimer, now: number): void {
    // What fires may arm or disarm any timer, so each look starts from what is linked now; those not due go behind.
    let left = 0;
    for (let t = ring.next as WheelTimer; t !== ring; t = t.next as WheelTimer) left++;
    while (left-- > 0) {
      const timer = ring.next as WheelTimer;
      if (timer === ring) return;
      this.#unlink(timer);
      if (timer.deadline > now) {
        this.#link(timer, timer.deadline);
      } else if (timer.deadline !== NEVER) {
        timer.deadline = NEVER;
        timer.target.onTimer(timer.kind);
      }
    }
  }

  #nextOccupied(now: number): number {
    for (let tick = now + 1; tick < now + SLOTS; tick++) {
      const ring = this.#slots[tick % SLOTS] as WheelTimer;
      if (ring.next !== ring) return tick;
    }
    return now + SLOTS;
  }
}
