// Where weft answers otherwise than Envoy on purpose; each is in docs/envoy-differences.md too.

interface Seen {
  readonly answers: readonly (readonly [number, Readonly<Record<string, string>>, unknown])[];
  readonly closed: boolean;
  readonly seen: readonly unknown[];
}

interface Difference {
  readonly why: string;
  /** Of "side name". */
  readonly requests: RegExp;
  /** Whether it is that which differs. */
  holds(envoy: Seen, weft: Seen): boolean;
}

export const differences: readonly Difference[] = [];
