import { z } from 'zod';
import { countSet, duration, durationOrZero, uint32 } from './field.ts';

const failover = z.array(z.strictObject({ from: z.string().optional(), to: z.string().optional() }));
const uint64 = z.int().min(0);

const consistentHash = z
  .strictObject({
    httpHeaderName: z.string().optional(),
    httpCookie: z
      .strictObject({
        name: z.string().min(1),
        path: z.string().optional(),
        ttl: durationOrZero.optional(),
        attributes: z.array(z.strictObject({ name: z.string(), value: z.string().optional() })).optional(),
      })
      .optional(),
    useSourceIp: z.boolean().optional(),
    httpQueryParameterName: z.string().optional(),
    ringHash: z.strictObject({ minimumRingSize: uint64.optional() }).optional(),
    maglev: z.strictObject({ tableSize: uint64.optional() }).optional(),
    minimumRingSize: uint64.optional(),
  })
  .refine(
    (h) => countSet(h, 'httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName') === 1,
    'must have one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName',
  );

export const loadBalancer = z
  .strictObject({
    simple: z.enum(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']).optional(),
    consistentHash: consistentHash.optional(),
    localityLbSetting: z
      .strictObject({
        distribute: z
          .array(z.strictObject({ from: z.string().optional(), to: z.record(z.string(), uint32).optional() }))
          .optional(),
        failover: failover.optional(),
        failoverPriority: z.array(z.string()).optional(),
        enabled: z.boolean().optional(),
      })
      .optional(),
    zoneAwareLbSetting: z
      .strictObject({
        enabled: z.boolean().optional(),
        failover: failover.optional(),
        failoverPriority: z.array(z.string()).optional(),
        minClusterSize: uint64.optional(),
      })
      .optional(),
    warmupDurationSecs: duration.optional(),
    warmup: z
      .strictObject({
        duration,
        minimumPercent: z.number().min(0).max(100).optional(),
        aggression: z.number().min(1).optional(),
      })
      .optional(),
  })
  .refine(
    (lb) => countSet(lb, 'simple', 'consistentHash') <= 1,
    'must have one of simple and consistentHash, not both',
  );

/** https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings */
export type LoadBalancerSettings = z.infer<typeof loadBalancer>;
