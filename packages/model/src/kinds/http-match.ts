import { z } from 'zod';
import { portNumber, stringMap } from './field.ts';
import { stringMatch } from './string-match.ts';

/** Conditions of one match; all must hold. */
export const httpMatchRequest = z.strictObject({
  name: z.string().optional(),
  uri: stringMatch.optional(),
  scheme: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  headers: z.record(z.string().min(1), stringMatch).optional(),
  port: portNumber.optional(),
  sourceLabels: stringMap.optional(),
  gateways: z.array(z.string()).optional(),
  queryParams: z.record(z.string().min(1), stringMatch).optional(),
  ignoreUriCase: z.boolean().optional(),
  withoutHeaders: z.record(z.string().min(1), stringMatch).optional(),
  sourceNamespace: z.string().optional(),
  statPrefix: z.string().optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest */
export type HTTPMatchRequest = z.infer<typeof httpMatchRequest>;
