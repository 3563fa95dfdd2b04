/** The known name that a mistyped one probably stands for: at most `most` letters wrong (a third of them), case ignored. */
export const nearest = (
  name: string,
  known: Iterable<string>,
  most = Math.floor(Math.max(name.length, 3) / 3),
): string | undefined => {
  let best: string | undefined;
  let bestDistance = most + 1;
  const wanted = name.toLowerCase().slice(0, MAX_LENGTH);
  for (const candidate of known) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const d = editDistance(wanted, candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
};

/** Longer names are cut: the distance costs the product of the lengths. */
const MAX_LENGTH = 100;

/** Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
const editDistance = (a: string, b: string): number => {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let d = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d = Math.min(d, (beforeLast[j - 2] as number) + 1);
      row.push(d);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] as number;
};
