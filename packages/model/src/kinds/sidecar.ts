import { z } from 'zod';
import { portNumber, stringMap } from './field.ts';

const sidecarPort = z.strictObject({
  number: portNumber,
  protocol: z.string().optional(),
  name: z.string().optional(),
  targetPort: portNumber.optional(),
});

const captureMode = z.enum(['DEFAULT', 'IPTABLES', 'NONE']);

/** `namespace/host`: the namespace a name, `*`, `.` (its own) or `~` (none); the host with an optional leading `*`. */
const egressHost = z
  .string()
  .regex(/^(?:\*|\.|~|[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\/\S+$/, 'must be namespace/host, such as ./* or default/*.com');

export const sidecar = z.strictObject({
  workloadSelector: z.strictObject({ labels: stringMap.optional() }).optional(),
  ingress: z.array(z.looseObject({ port: sidecarPort })).optional(),
  egress: z
    .array(
      z.strictObject({
        port: sidecarPort.optional(),
        bind: z.string().optional(),
        captureMode: captureMode.optional(),
        hosts: z.array(egressHost).min(1),
      }),
    )
    .optional(),
  inboundConnectionPool: z.looseObject({}).optional(),
  outboundTrafficPolicy: z
    .strictObject({
      mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY']).optional(),
      egressProxy: z.looseObject({}).optional(),
    })
    .optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/sidecar/ */
export type Sidecar = z.infer<typeof sidecar>;
