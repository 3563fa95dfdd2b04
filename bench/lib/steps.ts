// The `--json` form of a benchmark without ratios: steps with what each costs.
import { cpus } from 'node:os';

export interface MeasuredStep {
  readonly name: string;
  readonly cpuMs: number;
  readonly bytes: number;
  readonly lastClientMs: number;
  readonly rssMb: number;
  /** CPU: ours divided by the peer's in the same run. */
  readonly cpuRatio?: number;
}

export interface StepsRow {
  readonly name: string;
  readonly steps: readonly MeasuredStep[];
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Of steps with one name, the one that took the least CPU; in the order in which the names came. */
export const stepsRow = (name: string, measured: readonly MeasuredStep[]): StepsRow => {
  const best = new Map<string, MeasuredStep>();
  for (const step of measured) {
    const known = best.get(step.name);
    if (!known || step.cpuMs < known.cpuMs) best.set(step.name, step);
  }
  const machine = `${cpus()[0]?.model ?? '?'} × ${cpus().length}`;
  return { name, steps: [...best.values()], machine, versions: { node: process.version } };
};

export const withRatios = (ours: StepsRow, peer: StepsRow): StepsRow => ({
  ...ours,
  steps: ours.steps.map((step) => {
    const theirs = peer.steps.find((s) => s.name === step.name);
    return theirs ? { ...step, cpuRatio: step.cpuMs / theirs.cpuMs } : step;
  }),
});

export const printSteps = ({ name, steps }: StepsRow): void => {
  console.log(`\n${name}`);
  for (const { name: step, cpuMs, bytes, lastClientMs, rssMb, cpuRatio } of steps)
    console.log(
      `  ${step.padEnd(24)} ${cpuMs.toFixed(1).padStart(8)} ms CPU  ${(bytes / 1e6).toFixed(3).padStart(9)} MB  last client ${lastClientMs.toFixed(1)} ms  rss ${rssMb.toFixed(0)} MB${cpuRatio === undefined ? '' : `  ${cpuRatio.toFixed(2)} of the peer's CPU`}`,
    );
};
