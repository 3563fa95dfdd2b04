import { z } from 'zod';
import { countSet, duration, durationOrZero, int32, percent, portNumber, portSelector, uint32 } from './field.ts';
import { httpMatchRequest } from './http-match.ts';
import { stringMatch } from './string-match.ts';

export const destination = z.strictObject({
  host: z.string().min(1),
  subset: z.string().optional(),
  port: portSelector.optional(),
});

const headerOperations = z.strictObject({
  set: z.record(z.string().min(1), z.string()).optional(),
  add: z.record(z.string().min(1), z.string()).optional(),
  remove: z.array(z.string()).optional(),
});

export const headers = z.strictObject({ request: headerOperations.optional(), response: headerOperations.optional() });

/** Weights are whole numbers in Istio; 0 gets nothing. */
const weight = z.int().min(0).max(0x7fffffff);

export const httpRouteDestination = z.strictObject({
  destination,
  weight: weight.optional(),
  headers: headers.optional(),
});

export const routeDestination = z.strictObject({ destination, weight: weight.optional() });

export const httpRedirect = z.strictObject({
  uri: z.string().optional(),
  authority: z.string().optional(),
  port: portNumber.optional(),
  derivePort: z.enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']).optional(),
  scheme: z.enum(['http', 'https']).optional(),
  redirectCode: z.int().optional(),
  prefixRewrite: z.string().optional(),
});

export const httpDirectResponse = z.strictObject({
  status: z.int().min(200).max(599),
  body: z.strictObject({ string: z.string().optional(), bytes: z.string().optional() }).optional(),
});

export const httpRewrite = z.strictObject({
  uri: z.string().optional(),
  authority: z.string().optional(),
  uriRegexRewrite: z.strictObject({ match: z.string(), rewrite: z.string() }).optional(),
});

/** Left out, Istio's default applies: two retries on connect-failure and the like. `attempts: 0` means none. */
export const httpRetry = z.strictObject({
  attempts: z.int().min(0).optional(),
  perTryTimeout: durationOrZero.optional(),
  retryOn: z.string().optional(),
  retryRemoteLocalities: z.boolean().optional(),
  retryIgnorePreviousHosts: z.boolean().optional(),
  backoff: duration.optional(),
});

export const httpFaultInjection = z.strictObject({
  delay: z
    .strictObject({
      percent: int32.optional(),
      fixedDelay: duration.optional(),
      exponentialDelay: duration.optional(),
      percentage: percent.optional(),
    })
    .optional(),
  abort: z
    .strictObject({
      httpStatus: z.int().min(200).max(599).optional(),
      grpcStatus: z.string().optional(),
      http2Error: z.string().optional(),
      percentage: percent.optional(),
    })
    .refine(
      (a) => countSet(a, 'httpStatus', 'grpcStatus', 'http2Error') === 1,
      'must have one of httpStatus, grpcStatus',
    )
    .optional(),
});

export const corsPolicy = z.strictObject({
  allowOrigin: z.array(z.string()).optional(),
  allowOrigins: z.array(stringMatch).optional(),
  allowMethods: z.array(z.string()).optional(),
  allowHeaders: z.array(z.string()).optional(),
  exposeHeaders: z.array(z.string()).optional(),
  maxAge: duration.optional(),
  allowCredentials: z.boolean().optional(),
  unmatchedPreflights: z.enum(['UNSPECIFIED', 'FORWARD', 'IGNORE']).optional(),
});

export const httpRoute = z.strictObject({
  name: z.string().optional(),
  match: z.array(httpMatchRequest).optional(),
  route: z.array(httpRouteDestination).optional(),
  redirect: httpRedirect.optional(),
  directResponse: httpDirectResponse.optional(),
  delegate: z.strictObject({ name: z.string().optional(), namespace: z.string().optional() }).optional(),
  rewrite: httpRewrite.optional(),
  timeout: durationOrZero.optional(),
  retries: httpRetry.optional(),
  fault: httpFaultInjection.optional(),
  mirror: destination.optional(),
  mirrors: z.array(z.strictObject({ destination, percentage: percent.optional() })).optional(),
  mirrorPercent: uint32.optional(),
  mirrorPercentage: percent.optional(),
  corsPolicy: corsPolicy.optional(),
  headers: headers.optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute and what it is made of. */
export type HTTPRoute = z.infer<typeof httpRoute>;
export type HTTPRouteDestination = z.infer<typeof httpRouteDestination>;
export type HTTPRetry = z.infer<typeof httpRetry>;
export type HTTPFaultInjection = z.infer<typeof httpFaultInjection>;
export type CorsPolicy = z.infer<typeof corsPolicy>;
export type HTTPRewrite = z.infer<typeof httpRewrite>;
export type HTTPRedirect = z.infer<typeof httpRedirect>;
export type HTTPDirectResponse = z.infer<typeof httpDirectResponse>;
export type Destination = z.infer<typeof destination>;
export type Headers = z.infer<typeof headers>;
export type HeaderOperations = z.infer<typeof headerOperations>;
