import { z } from 'zod';
import { policyTargetReference, workloadSelector } from './field.ts';

const strings = z.array(z.string()).optional();

const source = z.strictObject({
  principals: strings,
  notPrincipals: strings,
  requestPrincipals: strings,
  notRequestPrincipals: strings,
  namespaces: strings,
  notNamespaces: strings,
  serviceAccounts: strings,
  notServiceAccounts: strings,
  ipBlocks: strings,
  notIpBlocks: strings,
  remoteIpBlocks: strings,
  notRemoteIpBlocks: strings,
  trustDomains: strings,
  notTrustDomains: strings,
});

const operation = z.strictObject({
  hosts: strings,
  notHosts: strings,
  ports: strings,
  notPorts: strings,
  methods: strings,
  notMethods: strings,
  paths: strings,
  notPaths: strings,
});

const condition = z.strictObject({ key: z.string().min(1), values: strings, notValues: strings });

const rule = z.strictObject({
  from: z.array(z.strictObject({ source: source.optional() })).optional(),
  to: z.array(z.strictObject({ operation: operation.optional() })).optional(),
  when: z.array(condition).optional(),
});

export const authorizationPolicy = z.strictObject({
  selector: workloadSelector.optional(),
  targetRef: policyTargetReference.optional(),
  targetRefs: z.array(policyTargetReference).optional(),
  rules: z.array(rule).optional(),
  /** Left out: ALLOW. */
  action: z.enum(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']).optional(),
  provider: z.strictObject({ name: z.string().optional() }).optional(),
});

/** https://istio.io/latest/docs/reference/config/security/authorization-policy/ and what it is made of. */
export type AuthorizationPolicy = z.infer<typeof authorizationPolicy>;
export type Rule = z.infer<typeof rule>;
export type Source = z.infer<typeof source>;
export type Operation = z.infer<typeof operation>;
export type Condition = z.infer<typeof condition>;
