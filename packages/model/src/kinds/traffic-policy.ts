import { z } from 'zod';
import { duration, durationOrZero, int32, portSelector, uint32 } from './field.ts';
import { loadBalancer } from './load-balancer.ts';

const count = z.int().min(0).max(0x7fffffff);

export const connectionPool = z.strictObject({
  tcp: z
    .strictObject({
      maxConnections: count.optional(),
      connectTimeout: duration.optional(),
      tcpKeepalive: z
        .strictObject({ probes: uint32.optional(), time: duration.optional(), interval: duration.optional() })
        .optional(),
      maxConnectionDuration: duration.optional(),
      idleTimeout: durationOrZero.optional(),
    })
    .optional(),
  http: z
    .strictObject({
      http1MaxPendingRequests: count.optional(),
      http2MaxRequests: count.optional(),
      /** 0: without limit. 1 disables keep-alive. */
      maxRequestsPerConnection: count.optional(),
      maxRetries: count.optional(),
      idleTimeout: durationOrZero.optional(),
      h2UpgradePolicy: z.enum(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']).optional(),
      useClientProtocol: z.boolean().optional(),
      maxConcurrentStreams: count.optional(),
      http2KeepAlive: z.strictObject({ interval: duration.optional(), timeout: duration.optional() }).optional(),
    })
    .optional(),
});

export const outlierDetection = z.strictObject({
  consecutiveErrors: int32.optional(),
  splitExternalLocalOriginErrors: z.boolean().optional(),
  consecutiveLocalOriginFailures: uint32.optional(),
  consecutiveGatewayErrors: uint32.optional(),
  consecutive5xxErrors: uint32.optional(),
  interval: duration.optional(),
  baseEjectionTime: duration.optional(),
  maxEjectionPercent: z.int().min(0).max(100).optional(),
  minHealthPercent: z.int().min(0).max(100).optional(),
  outlierDetectionHttpErrorCodes: z.array(z.int().min(100).max(599)).optional(),
});

export const clientTls = z.strictObject({
  mode: z.enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']).optional(),
  clientCertificate: z.string().optional(),
  privateKey: z.string().optional(),
  caCertificates: z.string().optional(),
  credentialName: z.string().optional(),
  subjectAltNames: z.array(z.string()).optional(),
  sni: z.string().optional(),
  insecureSkipVerify: z.boolean().optional(),
  caCrl: z.string().optional(),
});

const policyOfPort = {
  loadBalancer: loadBalancer.optional(),
  connectionPool: connectionPool.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: clientTls.optional(),
};

export const portTrafficPolicy = z.strictObject({ port: portSelector, ...policyOfPort });

export const trafficPolicy = z.strictObject({
  ...policyOfPort,
  /** Replaces the rest of the policy for its port and inherits nothing of it. */
  portLevelSettings: z.array(portTrafficPolicy).optional(),
  tunnel: z.strictObject({ protocol: z.string().optional(), targetHost: z.string(), targetPort: uint32 }).optional(),
  proxyProtocol: z.strictObject({ version: z.enum(['V1', 'V2']).optional() }).optional(),
  retryBudget: z
    .strictObject({
      percent: z.number().min(0).max(100).optional(),
      minRetryConcurrency: uint32.optional(),
      budgetInterval: duration.optional(),
    })
    .optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy and what it is made of. */
export type TrafficPolicy = z.infer<typeof trafficPolicy>;
export type PortTrafficPolicy = z.infer<typeof portTrafficPolicy>;
export type ConnectionPoolSettings = z.infer<typeof connectionPool>;
export type OutlierDetection = z.infer<typeof outlierDetection>;
export type ClientTLSSettings = z.infer<typeof clientTls>;
