import { z } from 'zod';
import { countSet } from './field.ts';

/** At most one of the three; none matches whatever is present. */
export const stringMatch = z
  .strictObject({ exact: z.string().optional(), prefix: z.string().optional(), regex: z.string().optional() })
  .refine((m) => countSet(m, 'exact', 'prefix', 'regex') <= 1, 'must have one of exact, prefix and regex, not several');

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#StringMatch */
export type StringMatch = z.infer<typeof stringMatch>;
