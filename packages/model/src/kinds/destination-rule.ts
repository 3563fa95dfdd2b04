import { z } from 'zod';
import { exportTo, stringMap, workloadSelector } from './field.ts';
import { trafficPolicy } from './traffic-policy.ts';

const subset = z.strictObject({
  name: z.string().min(1),
  labels: stringMap.optional(),
  trafficPolicy: trafficPolicy.optional(),
});

export const destinationRule = z.strictObject({
  host: z.string().min(1),
  trafficPolicy: trafficPolicy.optional(),
  subsets: z.array(subset).optional(),
  exportTo: exportTo.optional(),
  workloadSelector: workloadSelector.optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/destination-rule/ */
export type DestinationRule = z.infer<typeof destinationRule>;
export type Subset = z.infer<typeof subset>;
