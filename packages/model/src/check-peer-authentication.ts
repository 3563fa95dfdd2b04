import { formatPath, type Issue, showValue } from './issue.ts';
import type { PeerAuthentication } from './kinds/peer-authentication.ts';
import { checkSelector } from './check-selector.ts';

/** What a schema cannot say: https://istio.io/latest/docs/reference/config/security/peer_authentication/ */
export const checkPeerAuthentication = (spec: PeerAuthentication): Issue[] => {
  const path = ['spec', 'portLevelMtls'];
  const issues: Issue[] = checkSelector(spec.selector?.matchLabels);
  const say = (message: string, at: string[] = path): void => {
    issues.push({ error: 'invalidValue', level: 'error', path: at, message: `${formatPath(at)} ${message}` });
  };
  const ports = Object.keys(spec.portLevelMtls ?? {});
  if (spec.portLevelMtls && ports.length === 0) say('is empty');
  if (spec.portLevelMtls && Object.keys(spec.selector?.matchLabels ?? {}).length === 0)
    say('needs a selector: the mesh and namespaces have no ports');
  for (const port of ports)
    if (Number(port) < 1 || Number(port) > 65535)
      say(`has the port ${showValue(port)}, must be 1 to 65535`, [...path, port]);
  return issues;
};
