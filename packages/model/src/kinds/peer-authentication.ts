import { z } from 'zod';
import { workloadSelector } from './field.ts';

const mutualTls = z.strictObject({ mode: z.enum(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']).optional() });

const portKey = z.string().regex(/^\d+$/, 'must be a port number');

export const peerAuthentication = z.strictObject({
  selector: workloadSelector.optional(),
  mtls: mutualTls.optional(),
  /** By the workload's own (target) port. */
  portLevelMtls: z.record(portKey, mutualTls).optional(),
});

/** https://istio.io/latest/docs/reference/config/security/peer_authentication/ */
export type PeerAuthentication = z.infer<typeof peerAuthentication>;
export type MtlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';
