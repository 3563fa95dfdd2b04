import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadMesh } from '@weft/model/load';
import type { Pod } from '@weft/model/mesh';
import { needs, sharedDir } from '@weft/testkit/require';
import { type Authorizer, checkAll } from '@weft/traffic/authorize';
import { compileRbac, isCompileError } from '@weft/traffic/compile';
import type { RequestView } from '@weft/traffic/request';
import { httpAuthorization, networkAuthorization } from '@weft/translate/authorization/filters';
import { policiesOf } from '@weft/translate/authorization/select';
import type { RBAC } from '@weft/xds-api/gen/envoy/config/rbac/v3';
import { parse, parseAllDocuments } from 'yaml';

/**
 * Istio's own cases of AuthorizationPolicy: the filters that Istio makes of a policy and those that weft makes must come
 * to the same verdict on every request of a set made of the words of both.
 */
const suite = join(sharedDir, 'suites/istio-authz');

/** Not compared, or known to differ, with the reason. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'custom-grpc-provider': 'CUSTOM needs an external authorizer, which is not there yet: what it selects is denied',
  'custom-http-provider': 'CUSTOM needs an external authorizer, which is not there yet: what it selects is denied',
  'trust-domain-one-alias': 'a mesh has one trust domain, without aliases',
};

interface AuthzCase {
  readonly name: string;
  readonly input: string;
  readonly kind: 'http' | 'tcp';
  readonly want: readonly string[];
}

test('policies come to the verdicts that Istio’s filters come to', { skip: needs('shared') }, (t) => {
  const cases = JSON.parse(readFileSync(join(suite, 'cases.json'), 'utf8')) as AuthzCase[];
  const differing: string[] = [];
  for (const authzCase of cases) {
    const problem = difference(authzCase);
    if (problem === null) continue;
    t.diagnostic(`${authzCase.name}: ${problem}${DIFFERENT[authzCase.name] ? ` (${DIFFERENT[authzCase.name]})` : ''}`);
    differing.push(authzCase.name);
  }
  t.diagnostic(`istio-authz: ${cases.length - differing.length} of ${cases.length}`);
  assert.deepEqual(
    differing.filter((name) => !(name in DIFFERENT)),
    [],
  );
});

const pod: Pod = {
  namespace: 'foo',
  name: 'httpbin-0',
  workload: 'httpbin',
  labels: { app: 'httpbin', version: 'v1' },
  annotations: {},
  serviceAccount: 'httpbin',
  ip: '10.0.0.2',
  ready: true,
  terminating: false,
  ports: [],
  appPorts: {},
  locality: { region: '', zone: '' },
};

/** The first request on which the two differ, in words. */
const difference = (authzCase: AuthzCase): string | null => {
  const folder = join(suite, 'testdata', authzCase.kind);
  const input = readFileSync(join(folder, authzCase.input), 'utf8');
  const outputs = authzCase.want.map((file) => readFileSync(join(folder, file), 'utf8'));
  const { mesh } = loadMesh([{ path: authzCase.input, text: input }]);
  const selected = policiesOf(mesh, pod);
  const filters =
    authzCase.kind === 'http'
      ? httpAuthorization(selected, mesh.trustDomain)
      : networkAuthorization(selected, mesh.trustDomain);
  const ours = filters.flatMap((filter) => authorizersOf(filter));
  const istios = outputs.flatMap((text) => authorizersOf(parse(text) as FilterJson));
  for (const request of requestsFor(`${input}\n${outputs.join('\n')}`)) {
    const http = authzCase.kind === 'http' ? request : null;
    const [got, want] = [ours, istios].map((chain) => checkAll(chain, request.connection, http).allowed);
    if (got !== want) {
      const { peerPrincipal, destinationPort } = request.connection;
      return `${request.method} ${request.authority}${request.path} from "${peerPrincipal}" to ${destinationPort} is ${got ? 'allowed' : 'denied'}, by Istio ${want ? 'allowed' : 'denied'}`;
    }
  }
  return null;
};

interface FilterJson {
  readonly name?: string;
  readonly typedConfig?: { readonly '@type'?: string; readonly rules?: RBAC };
}

/** Of `rules`; shadow rules decide nothing. A CUSTOM filter other than RBAC is asked elsewhere, and passes here. */
const authorizersOf = ({ typedConfig }: FilterJson): Authorizer[] => {
  if (!typedConfig?.['@type']?.endsWith('.RBAC') || !typedConfig.rules) return [];
  const authorizer = compileRbac(typedConfig.rules);
  assert.ok(!isCompileError(authorizer), JSON.stringify(authorizer));
  return [authorizer];
};

const requestsFor = (text: string): RequestView[] => {
  const words = wordsOf(text);
  const having = (pattern: RegExp, ...more: string[]): string[] => [
    ...new Set([...words.filter((w) => pattern.test(w)), ...more]),
  ];
  const principals = having(
    /^[^/ ]+\/ns\/[^/]+\/sa\/[^/]+$/,
    'cluster.local/ns/foo/sa/a',
    'bad.td/ns/bar/sa/b',
    'another.local/ns/istio-system/sa/c',
    '',
  ).map((p) => p.replaceAll('*', 'x'));
  const paths = having(/^\/[^*]*$|path/, '/', '/other/path').slice(0, 8);
  const methods = having(/^[A-Z]{3,7}$|method/, 'GET').slice(0, 5);
  const hosts = having(/^[a-z-]+\.com$|host/, 'httpbin').slice(0, 4);
  const ports = having(/^\d{2,4}$/, '8080')
    .slice(0, 4)
    .map(Number);
  return principals.flatMap((principal) =>
    paths.flatMap((path) =>
      methods.flatMap((method) =>
        hosts.flatMap((host) => ports.map((port) => requestOf(principal, path, method, host, port))),
      ),
    ),
  );
};

/** Every string and number that stands in the documents. */
const wordsOf = (text: string): string[] => {
  const words = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
    else words.add(String(value).replace(/^spiffe:\/\//, ''));
  };
  for (const document of parseAllDocuments(text.replaceAll(/^name: envoy/gm, '---\n$&'))) walk(document.toJS());
  return [...words];
};

const requestOf = (
  principal: string,
  path: string,
  method: string,
  authority: string,
  destinationPort: number,
): RequestView => ({
  method,
  path,
  authority,
  scheme: 'http',
  headers: [],
  connection: {
    sourceAddress: '10.0.0.1',
    sourcePort: 40000,
    destinationAddress: '10.0.0.2',
    destinationPort,
    mtls: principal !== '',
    peerPrincipal: principal && `spiffe://${principal}`,
    sni: '',
  },
});
