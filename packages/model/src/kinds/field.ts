import { parseDurationMs } from '@weft/base/duration';
import { z } from 'zod';

/** Field types that several of Istio's kinds share. A message is what follows the field's path: "spec.x: ..." */

/** A positive duration of at least a millisecond (`1s`, `250ms`), kept as text; Istio refuses finer ones. */
export const duration = z
  .string()
  .refine((text) => isWholeMs(parseDurationMs(text), 1), 'must be a duration of at least 1ms, such as 1s or 250ms');

/** As `duration`, and 0s: "none". */
export const durationOrZero = z
  .string()
  .refine((text) => isWholeMs(parseDurationMs(text), 0), 'must be a duration, such as 1s, 250ms or 0s');

const isWholeMs = (ms: number | undefined, least: number): boolean => ms !== undefined && ms >= least;

export const portNumber = z.int().min(1).max(65535);
export const uint32 = z.int().min(0).max(0xffffffff);
export const int32 = z.int().min(-0x80000000).max(0x7fffffff);

export const stringMap = z.record(z.string(), z.string());

export const portSelector = z.strictObject({ number: portNumber });

export const percent = z.strictObject({ value: z.number().min(0).max(100).optional() });

export const workloadSelector = z.strictObject({ matchLabels: stringMap.optional() });

/** Who sees a resource: `*` everyone, `.` its own namespace, `~` no one, or namespaces' names. */
export const exportTo = z.array(z.string());

export const policyTargetReference = z.strictObject({
  group: z.string().optional(),
  kind: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
});

/** How many of the keys are set: for protobuf's oneof. */
export const countSet = (value: object, ...keys: string[]): number =>
  keys.filter((key) => (value as Record<string, unknown>)[key] !== undefined).length;
