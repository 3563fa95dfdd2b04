import { resolve } from 'node:path';
import type { Clock } from '@weft/base/clock';
import { type Diagnostic, diagnostic, formatDiagnostic } from '@weft/base/diagnostic';
import { ManifestReader } from '@weft/control-plane/source/read-manifests';
import { loadMesh } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import { envoyBootstrap } from '@weft/translate/envoy-bootstrap';
import { podOf, withSyntheticPods } from '@weft/translate/synthetic-pods';
import { secretNames, translateProxy } from '@weft/translate/translate';

export type CompileFormat = 'json' | 'envoy-bootstrap';

export interface CompileOptions {
  /** Files and folders with manifests. */
  readonly paths: readonly string[];
  /** `NAMESPACE/WORKLOAD`, the name of a Deployment or of a Pod. */
  readonly proxy: string;
  readonly format: CompileFormat;
  /** Where `cert-chain.pem`, `key.pem` and `root-cert.pem` are; `envoy-bootstrap` needs it. */
  readonly certs?: string | undefined;
  /** For `json`; a bootstrap is Envoy's. Default `weft`. */
  readonly dataPlane?: 'weft' | 'envoy' | 'grpc' | undefined;
  /** Default `cluster.local`. */
  readonly trustDomain?: string | undefined;
  readonly clock: Clock;
}

export interface CompileOutcome {
  /** For standard output; empty where there is nothing to show. */
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
  /** 0; 1 where there are errors, be they of objects that other proxies use; 2 for what the command line lacks. */
  readonly exitCode: 0 | 1 | 2;
}

/** `weft compile`: what one proxy would be told, with every workload running. Errors leave out what they are about. */
export const compile = (options: CompileOptions): CompileOutcome => {
  const [namespace, name, ...rest] = options.proxy.split('/');
  if (!namespace || !name || rest.length > 0)
    return refuse(
      'usage',
      '--proxy',
      `${JSON.stringify(options.proxy)} is not NAMESPACE/WORKLOAD`,
      'write default/reviews',
    );
  if (options.format === 'envoy-bootstrap' && !options.certs)
    return refuse('usage', '--certs', 'an Envoy bootstrap refers to certificate files', 'write --certs DIR');
  const reader = new ManifestReader({
    roots: options.paths,
    podsFile: '',
    stateDirectory: '.weft',
    clock: options.clock,
  });
  const manifests = reader.read(true);
  const loaded = loadMesh(
    manifests.texts,
    undefined,
    options.trustDomain === undefined ? {} : { trustDomain: options.trustDomain },
  );
  const diagnostics = [...manifests.diagnostics, ...loaded.diagnostics];
  const mesh = withSyntheticPods(loaded.mesh);
  const text = render(mesh, namespace, name, options);
  if (text === undefined) {
    const { diagnostics: own, exitCode } = refuse(
      'noWorkload',
      '--proxy',
      `no Deployment or Pod ${options.proxy}`,
      workloadsHint(mesh),
    );
    return { text: '', diagnostics: [...diagnostics, ...own], exitCode };
  }
  return { text, diagnostics, exitCode: diagnostics.some((d) => d.level === 'error') ? 1 : 0 };
};

/** `compile` for the command line: resources to standard output, what there is to say to standard error. */
export const runCompile = (
  options: CompileOptions & { readonly write: (text: string) => void; readonly writeError: (text: string) => void },
): number => {
  const { text, diagnostics, exitCode } = compile(options);
  for (const line of diagnostics.map(formatDiagnostic)) options.writeError(`${line}\n`);
  options.write(text);
  return exitCode;
};

const render = (mesh: Mesh, namespace: string, name: string, options: CompileOptions): string | undefined => {
  const pod = podOf(mesh, namespace, name);
  if (!pod) return undefined;
  const dataPlane = options.format === 'envoy-bootstrap' ? 'envoy' : (options.dataPlane ?? 'weft');
  const node = { pod, dataPlane, bindAddress: pod.ip };
  const resources = translateProxy(mesh, node);
  const { listeners, routes, clusters, endpoints } = resources;
  const shown =
    options.format === 'envoy-bootstrap'
      ? envoyBootstrap(mesh, node, resources, resolve(options.certs ?? '.'))
      : { listeners, routes, clusters, endpoints, secrets: secretNames.map((secret) => ({ name: secret })) };
  return `${JSON.stringify(shown, null, 2)}\n`;
};

const refuse = (error: 'usage' | 'noWorkload', option: string, message: string, hint: string): CompileOutcome => ({
  text: '',
  diagnostics: [
    diagnostic(
      error,
      'error',
      { file: option, line: 1, column: 1 },
      { kind: '', namespace: '', name: '' },
      message,
      hint,
    ),
  ],
  exitCode: error === 'usage' ? 2 : 1,
});

const workloadsHint = (mesh: Mesh): string => {
  const names = [...mesh.workloads.keys()];
  return names.length > 0 ? `there are ${names.slice(0, 10).join(', ')}` : 'the manifests have none';
};
