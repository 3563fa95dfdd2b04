import { findKind } from './api-groups.ts';
import type { Issue } from './issue.ts';
import { unknownKubernetesFields } from './kubernetes-fields.ts';
import type { Identified } from './manifest-object.ts';
import { invalid, type Reading } from './mesh-part.ts';
import {
  readAuthorizationPolicy,
  readDestinationRule,
  readPeerAuthentication,
  readSidecar,
  readVirtualService,
} from './read-istio.ts';
import { isMeshConfigMap, readIstioOperator, readMeshConfigMap } from './read-mesh-config.ts';
import { readDeployment, readNamespace, readService, readServiceAccount } from './read-kubernetes.ts';
import { readPod } from './read-pod.ts';
import { unknownAnnotations } from './weft-annotations.ts';

/** Validates an object and turns it into its part of the mesh. */
export const readObject = (object: Identified, domainSuffix: string): Reading => {
  const { group, version, kind } = object;
  if (isMeshConfigMap(object)) return readMeshConfigMap(object);
  const answer = findKind(group, version, kind);
  const say = (error: Issue['error'], level: Issue['level'], path: string, message: string, hint = ''): Issue[] => [
    { error, level, path: [path], message, hint },
  ];
  switch (answer.kind) {
    case 'foreign':
      return {
        part: {},
        issues: say('foreignKind', 'info', 'kind', `${kind} (${group || 'v1'}) is not weft’s business`),
      };
    case 'unknownGroup':
      return invalid(
        say(
          'unknownKind',
          'error',
          'apiVersion',
          `${kind} is of no API group ${group || version}`,
          `did you mean ${answer.meant}?`,
        ),
      );
    case 'unknownKind':
      return invalid(say('unknownKind', 'error', 'kind', `${group} has no kind ${kind}`, answer.hint));
    case 'unknownVersion':
      return invalid(
        say(
          'unknownKind',
          'error',
          'apiVersion',
          `${kind} has no version ${group}/${version}`,
          `write one of ${answer.versions.map((v) => `${group}/${v}`).join(', ')}`,
        ),
      );
    case 'known':
  }
  const { known } = answer;
  if (known.status === 'refused')
    return {
      part: {},
      issues: say('refusedKind', 'warning', 'kind', `${kind} has no effect: weft does not support ${known.what}`),
    };
  if (known.status === 'later') {
    const issues = say(
      'notYet',
      known.security ? 'error' : 'warning',
      'kind',
      `${kind} (${known.what}) is not implemented yet${known.security ? '' : ' and has no effect'}`,
    );
    return known.security ? invalid(issues) : { part: {}, issues };
  }
  const reading = readers[kind]?.(object, domainSuffix) ?? invalid([]);
  const unknown = [...unknownKubernetesFields(kind, object.manifest), ...unknownAnnotations(object.manifest)];
  return unknown.length > 0 ? { part: reading.part, issues: [...reading.issues, ...unknown] } : reading;
};

const readers: Readonly<Record<string, (object: Identified, domainSuffix: string) => Reading>> = {
  Namespace: readNamespace,
  Service: readService,
  ServiceAccount: readServiceAccount,
  Deployment: readDeployment,
  Pod: readPod,
  VirtualService: readVirtualService,
  DestinationRule: readDestinationRule,
  Sidecar: readSidecar,
  PeerAuthentication: readPeerAuthentication,
  AuthorizationPolicy: readAuthorizationPolicy,
  IstioOperator: readIstioOperator,
};
