/** Where a rule is applied, as far as its meaning depends on it. */
export interface RuleScope {
  readonly action: 'ALLOW' | 'DENY';
  /** False on ports whose bytes are not read as HTTP. */
  readonly http: boolean;
  /** Of the policy. */
  readonly namespace: string;
  readonly trustDomain: string;
}

/**
 * What one field says: conditions that must all hold; `never`: nothing can match. A field that cannot be tested, because
 * weft does not implement it or the port is not HTTP, never matches in ALLOW and always in DENY.
 */
export type Said<T> = readonly T[] | 'never';

export const untestable = (scope: RuleScope): 'never' | readonly [] => (scope.action === 'ALLOW' ? 'never' : []);

/** All of several fields. */
export const allOf = <T>(fields: readonly Said<T>[]): Said<T> => {
  const all: T[] = [];
  for (const field of fields) {
    if (field === 'never') return 'never';
    all.push(...field);
  }
  return all;
};
