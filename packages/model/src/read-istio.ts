import type { z } from 'zod';
import { checkAuthorizationPolicy, isDryRun } from './check-authorization-policy.ts';
import { checkDestinationRule } from './check-destination-rule.ts';
import { checkPeerAuthentication } from './check-peer-authentication.ts';
import { checkSidecar } from './check-sidecar.ts';
import { checkSchema } from './check-schema.ts';
import { checkVirtualService } from './check-virtual-service.ts';
import { type Issue, formatPath } from './issue.ts';
import { authorizationPolicy } from './kinds/authorization-policy.ts';
import { destinationRule } from './kinds/destination-rule.ts';
import { metadata } from './kinds/metadata.ts';
import { peerAuthentication } from './kinds/peer-authentication.ts';
import { sidecar } from './kinds/sidecar.ts';
import { virtualService } from './kinds/virtual-service.ts';
import type { Identified } from './manifest-object.ts';
import type { MeshObject } from './mesh.ts';
import { invalid, type MeshPart, type Reading } from './mesh-part.ts';
import { nearest } from './nearest.ts';
import { findNotYet } from './not-yet.ts';

const ENVELOPE = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

/** Checks an object of a group that we own: its envelope, its metadata, its spec. */
const readSpec = <T>(
  { manifest, kind, namespace, name }: Identified,
  schema: z.ZodType<T>,
): { readonly object: MeshObject<T> | undefined; readonly issues: readonly Issue[] } => {
  const issues: Issue[] = Object.keys(manifest)
    .filter((key) => !ENVELOPE.includes(key))
    .map((key) => {
      const meant = nearest(key, ENVELOPE);
      const hint = meant ? `did you mean ${meant}?` : `known here: ${ENVELOPE.join(', ')}`;
      return {
        error: 'unknownField',
        level: 'error',
        path: [key],
        message: `unknown field ${formatPath([key])}`,
        hint,
      };
    });
  const meta = checkSchema(metadata, manifest.metadata, ['metadata']);
  const spec = checkSchema(schema, manifest.spec ?? {}, ['spec']);
  issues.push(...meta.issues, ...spec.issues);
  if (issues.length > 0 || !meta.value || spec.value === undefined) return { object: undefined, issues };
  const { labels, annotations, creationTimestamp } = meta.value;
  return {
    issues,
    object: {
      kind,
      namespace,
      name,
      labels: labels ?? {},
      annotations: annotations ?? {},
      ...(creationTimestamp && { creationTimestamp }),
      spec: spec.value,
    },
  };
};

/** Finishes a reading: the checks that a schema cannot make, then what is not implemented. */
const finish = <Spec>(
  manifest: Identified,
  read: { readonly object: MeshObject<Spec> | undefined; readonly issues: readonly Issue[] },
  check: (object: MeshObject<Spec>) => readonly Issue[],
  toPart: (object: MeshObject<Spec>) => MeshPart,
): Reading => {
  if (!read.object) return invalid(read.issues);
  const problems = check(read.object);
  const found = findNotYet(manifest.kind, manifest.manifest);
  const issues = [...problems, ...found.map((f) => f.issue)];
  const bad = problems.length > 0 || found.some((f) => f.entry.effect === 'object');
  return bad ? invalid(issues) : { part: toPart(read.object), issues };
};

export const readVirtualService = (manifest: Identified): Reading =>
  finish(
    manifest,
    readSpec(manifest, virtualService),
    (o) => checkVirtualService(o.spec),
    (o) => ({ virtualService: o }),
  );

export const readDestinationRule = (manifest: Identified): Reading =>
  finish(
    manifest,
    readSpec(manifest, destinationRule),
    (o) => checkDestinationRule(o.spec),
    (o) => ({ destinationRule: o }),
  );

export const readSidecar = (manifest: Identified): Reading =>
  finish(
    manifest,
    readSpec(manifest, sidecar),
    (o) => checkSidecar(o.spec),
    (o) => ({ sidecar: o }),
  );

export const readPeerAuthentication = (manifest: Identified): Reading =>
  finish(
    manifest,
    readSpec(manifest, peerAuthentication),
    (o) => checkPeerAuthentication(o.spec),
    (o) => ({ peerAuthentication: o }),
  );

/** A policy that is only tried out (AUDIT, dry run) has no effect on requests, so it is not in the mesh. */
export const readAuthorizationPolicy = (manifest: Identified): Reading =>
  finish(
    manifest,
    readSpec(manifest, authorizationPolicy),
    (o) => checkAuthorizationPolicy(o.spec, o.annotations),
    (o) => (o.spec.action === 'AUDIT' || isDryRun(o.annotations) ? {} : { authorizationPolicy: o }),
  );
