import { z } from 'zod';
import { exportTo, portNumber, stringMap } from './field.ts';
import { httpRoute, routeDestination } from './http-route.ts';

const tlsRoute = z.strictObject({
  match: z.array(
    z.strictObject({
      sniHosts: z.array(z.string()).min(1),
      destinationSubnets: z.array(z.string()).optional(),
      port: portNumber.optional(),
      sourceLabels: stringMap.optional(),
      gateways: z.array(z.string()).optional(),
      sourceNamespace: z.string().optional(),
    }),
  ),
  route: z.array(routeDestination),
});

const tcpRoute = z.strictObject({
  match: z
    .array(
      z.strictObject({
        destinationSubnets: z.array(z.string()).optional(),
        port: portNumber.optional(),
        sourceSubnet: z.string().optional(),
        sourceLabels: stringMap.optional(),
        gateways: z.array(z.string()).optional(),
        sourceNamespace: z.string().optional(),
      }),
    )
    .optional(),
  route: z.array(routeDestination).min(1),
});

export const virtualService = z.strictObject({
  hosts: z.array(z.string()).optional(),
  /** Left out: `mesh`, every sidecar. */
  gateways: z.array(z.string()).optional(),
  http: z.array(httpRoute).optional(),
  tls: z.array(tlsRoute).optional(),
  tcp: z.array(tcpRoute).optional(),
  exportTo: exportTo.optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/ */
export type VirtualService = z.infer<typeof virtualService>;
