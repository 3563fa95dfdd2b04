/**
 * One table of everything weft can say went wrong. It feeds diagnostics, the CLI, `docs/errors.md` and
 * `%RESPONSE_FLAGS%`. A code is never reused for another meaning.
 *
 * fault: who can mend it. `config` the YAML's author, `client` the caller, `upstream` the called service,
 * `operator` whoever runs weft, `weft` us.
 */
export interface ErrorKind {
  readonly code: string;
  readonly title: string;
  readonly fault: 'config' | 'client' | 'upstream' | 'operator' | 'weft';
  /** Whether the same call can succeed later without anyone changing anything. */
  readonly retryable: boolean;
  /** What a proxied request is answered with; absent where no request is involved. */
  readonly httpStatus?: number;
  /** Envoy's response flag, as in `%RESPONSE_FLAGS%`. */
  readonly responseFlag?: string;
  /** Istio's analysis code for the same mistake. */
  readonly istioCode?: string;
}

const config = (code: string, title: string, istioCode?: string): ErrorKind => ({
  code,
  title,
  fault: 'config',
  retryable: false,
  ...(istioCode && { istioCode }),
});
const operator = (code: string, title: string, retryable = false): ErrorKind => ({
  code,
  title,
  fault: 'operator',
  retryable,
});
const request = (
  code: string,
  title: string,
  fault: 'client' | 'upstream' | 'weft' | 'config',
  httpStatus: number,
  responseFlag: string,
  retryable: boolean,
): ErrorKind => ({ code, title, fault, retryable, httpStatus, responseFlag });

export const errors = {
  // 00xx: reading manifests
  yamlSyntax: config('WEFT0001', 'the YAML cannot be parsed'),
  notAnObject: config('WEFT0002', 'a document is not a Kubernetes object'),
  unknownKind: config('WEFT0003', 'an unknown kind in an API group that weft owns'),
  unknownField: config('WEFT0004', 'an unknown field'),
  invalidValue: config('WEFT0005', 'a field has a value that is not allowed', 'IST0106'),
  missingField: config('WEFT0006', 'a required field is missing', 'IST0106'),
  duplicateObject: config('WEFT0007', 'two objects have one kind, namespace and name'),
  notYet: config('WEFT0008', 'a field is understood but not implemented yet'),
  refusedKind: config('WEFT0009', 'a kind that weft does not support on purpose'),
  foreignKind: config('WEFT0010', 'a kind that is not weft’s business'),
  unreadableFile: config('WEFT0011', 'a file or folder cannot be read'),
  frozen: config('WEFT0012', 'an object is invalid; its last good version stays in force'),
  failedClosed: config('WEFT0013', 'a security object is invalid; what it selects is denied'),
  // 01xx: what objects say about each other
  unknownHost: config('WEFT0101', 'a host is not a service of the mesh', 'IST0101'),
  unknownSubset: config('WEFT0102', 'a subset is not defined by the host’s DestinationRule', 'IST0101'),
  conflictingVirtualServices: config('WEFT0103', 'several VirtualServices define one host on the mesh', 'IST0109'),
  shadowedRoute: config('WEFT0104', 'a route can never match, because one before it always does', 'IST0130'),
  emptySelector: config('WEFT0105', 'a selector matches no workload', 'IST0127'),
  missingWeights: config('WEFT0106', 'several destinations without weights'),
  emptyTarget: config('WEFT0107', 'a Service selects no workload'),
  ambiguousPort: config('WEFT0108', 'a destination needs a port, as its service has several', 'IST0112'),
  unknownNamespace: config('WEFT0109', 'a policy names a namespace that does not exist', 'IST0101'),
  emptySubset: config('WEFT0110', 'a subset selects no workload of its host', 'IST0173'),
  unknownRuleHost: config('WEFT0111', 'a DestinationRule’s host is not a service of the mesh', 'IST0174'),
  unknownDelegate: config('WEFT0112', 'a rule delegates to a VirtualService that is not there for it'),
  delegateConflict: config('WEFT0113', 'a delegate’s rule matches more than the rule that delegates to it'),
  // 02xx: running
  portInUse: operator('WEFT0201', 'an address and port are in use'),
  commandNotFound: operator('WEFT0202', 'a workload’s command cannot be started'),
  stateDirUnwritable: operator('WEFT0203', 'the state directory cannot be written'),
  nodeMissing: operator('WEFT0204', 'no Node.js of the needed version'),
  controlPlaneAway: operator('WEFT0205', 'the control plane cannot be reached', true),
  noWorkload: operator('WEFT0206', 'no such workload'),
  noCommand: operator('WEFT0207', 'a container says no command that a laptop can run'),
  workloadExited: operator('WEFT0208', 'a workload’s process ended', true),
  notReady: operator('WEFT0209', 'a workload is not ready in time', true),
  usage: operator('WEFT0210', 'the command line cannot be understood'),
  noFreeBlock: operator('WEFT0211', 'no free block of loopback addresses'),
  stateDirLocked: operator('WEFT0212', 'another weft uses the state directory'),
  noObject: operator('WEFT0213', 'no such object'),
  // 03xx: identity
  badCsr: {
    code: 'WEFT0301',
    title: 'a certificate request is malformed or badly signed',
    fault: 'client',
    retryable: false,
  },
  unprovenCaller: { code: 'WEFT0302', title: 'a caller could not prove who it is', fault: 'client', retryable: false },
  identityMismatch: {
    code: 'WEFT0303',
    title: 'a caller asks for another’s identity or resources',
    fault: 'client',
    retryable: false,
  },
  caUnusable: operator('WEFT0304', 'the certificate authority’s key or certificate cannot be used'),
  // 04xx: xDS
  resourceRejected: { code: 'WEFT0401', title: 'a proxy refused a resource', fault: 'weft', retryable: false },
  malformedXds: { code: 'WEFT0402', title: 'an xDS message cannot be decoded', fault: 'weft', retryable: false },
  // 05xx: requests
  badRequest: request('WEFT0501', 'the request is not valid HTTP', 'client', 400, 'DPE', false),
  noRoute: request('WEFT0502', 'no route matches', 'client', 404, 'NR', false),
  clusterNotFound: request('WEFT0503', 'the route’s cluster does not exist', 'config', 503, 'NC', false),
  noHealthyUpstream: request('WEFT0504', 'no healthy endpoint', 'upstream', 503, 'UH', true),
  upstreamConnectFailure: request('WEFT0505', 'the connection to the endpoint failed', 'upstream', 503, 'UF', true),
  upstreamReset: request(
    'WEFT0506',
    'the endpoint closed the connection before it had answered',
    'upstream',
    503,
    'UC',
    true,
  ),
  requestTimeout: request('WEFT0507', 'the route’s timeout passed', 'upstream', 504, 'UT', true),
  accessDenied: request('WEFT0508', 'an authorization policy denies the request', 'client', 403, '-', false),
  headersTooLarge: request('WEFT0509', 'the request’s head is too large', 'client', 431, 'DPE', false),
  downstreamTimeout: request('WEFT0510', 'the client did not send its request in time', 'client', 408, 'SI', true),
  downstreamClosed: request('WEFT0511', 'the client went away', 'client', 0, 'DC', true),
  upstreamProtocol: request('WEFT0512', 'the endpoint’s answer is not valid HTTP', 'upstream', 502, 'UPE', false),
  retriesExhausted: request('WEFT0513', 'every allowed attempt failed', 'upstream', 503, 'URX', true),
  overflow: request('WEFT0514', 'a circuit breaker is open', 'upstream', 503, 'UO', true),
  tlsRequired: request('WEFT0515', 'the workload accepts mutual TLS only', 'client', 0, '-', false),
} as const satisfies Record<string, ErrorKind>;

export type ErrorName = keyof typeof errors;

/** An error with its row of the table. `message` carries the offending value and what to do instead. */
export class WeftError extends Error {
  readonly kind: ErrorKind;
  constructor(name: ErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WeftError';
    this.kind = errors[name];
  }
}
