import type { Clock, Timer } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { Scope } from '@weft/base/scope';
import { formatSpiffeId } from '@weft/identity/spiffe';
import { sweepTokens } from '@weft/identity/token';
import { TrustBundle } from '@weft/identity/trust-bundle';
import { WorkloadIdentity } from '@weft/identity/workload-identity';
import { readCsr } from '@weft/identity/csr';
import { methods } from '@weft/xds-api/type-urls';
import type { GrpcContext } from '@weft/xds/grpc';
import { provenSpiffeId } from './authority/caller.ts';
import { certificateService } from './authority/certificate-service.ts';
import { openAuthority } from './authority/root-store.ts';
import type { LineLog } from '@weft/telemetry/log';
import { listen } from './serving/listen.ts';
import { ProxySessions, type TranslateProxy } from './serving/proxy-sessions.ts';
import { CONTROL_PLANE_ACCOUNT, CONTROL_PLANE_DNS_NAMES, createXdsServer } from './serving/xds-server.ts';
import { FileSource } from './source/files.ts';
import type { ManifestSet } from './source/read-manifests.ts';
import { AuthorityMetrics } from './status/authority-metrics.ts';
import { DiagnosticsReport } from './status/diagnostics-report.ts';
import { meshMetrics } from './status/mesh-metrics.ts';
import { objectDetail, objectStatus } from './status/object-status.ts';
import { PushMetrics } from './status/push-metrics.ts';
import { createStatusServer, jsonPage, type StatusPage } from './status/status-server.ts';
import { type StatusSources, syncStatus } from './status/sync-status.ts';
import { MeshStore, type StoreState } from './store/mesh-store.ts';
import { openStateDir } from './store/state-dir.ts';

export interface ControlPlaneOptions {
  /** Files and folders with manifests. */
  readonly paths: readonly string[];
  readonly stateDir: string;
  /** A loopback address. */
  readonly address: string;
  /** mTLS xDS and certificates; 15012. 0: any free port. */
  readonly xdsPort: number;
  /** `/ready`, `/metrics`, `/debug/…` over HTTP; 15014. 0: any free port. */
  readonly statusPort: number;
  /** `cluster.local` */
  readonly trustDomain: string;
  /** Lifetime of workloads' certificates, in ms. */
  readonly certTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly translate: TranslateProxy;
  readonly log: LineLog;
  /** Where diagnostics go, as lines of text. */
  readonly report: (text: string) => void;
}

export interface ControlPlane {
  readonly xdsPort: number;
  readonly statusPort: number;
  close(): Promise<void>;
}

/** Tokens that nobody claimed are looked for this often. */
const SWEEP_MS = 60_000;

/**
 * Wires the control plane in the order in which a change travels: source → store → sessions → proxies, with the
 * authority beside it. Throws WeftError where it cannot start; once it runs, what is broken is reported and the rest
 * goes on.
 */
export const startControlPlane = async (options: ControlPlaneOptions): Promise<ControlPlane> => {
  const { clock, log, trustDomain, address } = options;
  const scope = new Scope();
  try {
    const state = openStateDir(options.stateDir);
    const authority = openAuthority(state.ca, trustDomain, clock);
    const bundle = new TrustBundle([authority.certificatePem]);
    const metrics = new PushMetrics();
    const report = new DiagnosticsReport(options.report);

    const store = new MeshStore({ path: state.lastGood, trustDomain, clock, log });
    scope.add(() => store.close());
    const apply = (manifests: ManifestSet, waitedMs: number): void => {
      const readAt = clock.monotonic();
      const next = store.update(manifests.texts, manifests.diagnostics);
      const loadedAt = clock.monotonic();
      sessions.update(next.load.mesh, readAt - waitedMs);
      metrics.changed({ waitedMs, loadMs: loadedAt - readAt, pushMs: clock.monotonic() - loadedAt });
      // Proxies first: what is wrong anywhere in the mesh takes longer to find than what changed.
      report.update(next.diagnostics);
    };
    const source = new FileSource({
      roots: options.paths,
      podsFile: state.pods,
      stateDirectory: state.directory,
      clock,
      onChange: apply,
    });
    scope.add(() => source.close());
    const sessions = new ProxySessions({
      clock,
      log,
      metrics,
      translate: options.translate,
      currentMesh: () => store.mesh,
      refresh: () => source.refresh(),
    });
    meshMetrics(
      metrics.registry,
      clock,
      () => store.state,
      () => sessions.all,
    );
    const manifests = source.start();
    // Later this freezes what was read before; at start there is nothing to freeze, and empty is not what was meant.
    const [unreadable] = manifests.diagnostics;
    if (unreadable) throw new WeftError('unreadableFile', `${unreadable.file} ${unreadable.message.split(';')[0]}`);
    apply(manifests, 0);

    const identity = new WorkloadIdentity({
      spiffeId: formatSpiffeId({ trustDomain, ...CONTROL_PLANE_ACCOUNT }),
      sign: async (csrPem) => ({
        chain: [
          authority.issue({
            spki: readCsr(csrPem).spki,
            spiffeId: formatSpiffeId({ trustDomain, ...CONTROL_PLANE_ACCOUNT }),
            dnsNames: CONTROL_PLANE_DNS_NAMES,
            ttlMs: options.certTtlMs,
          }),
        ],
        roots: [authority.certificatePem],
      }),
      clock,
      random: options.random,
    });
    scope.add(() => identity.stop());
    const peerOf = ({ socket }: GrpcContext) => ({
      principal: provenSpiffeId(socket, bundle, trustDomain, clock.now()) ?? '',
    });
    const xds = createXdsServer(
      await identity.start(),
      new Map([
        ...sessions.server.routes(peerOf),
        [
          methods.createCertificate,
          certificateService({
            authority,
            bundle,
            trustDomain,
            tokensDirectory: state.tokens,
            ttlMs: options.certTtlMs,
            clock,
            log,
            metrics: new AuthorityMetrics(metrics.registry, clock, authority.notAfterMs),
          }),
        ],
      ]),
      clock,
    );
    identity.onRotated((credentials) => xds.setCredentials(credentials));
    const xdsPort = await listen(xds.server, address, options.xdsPort, 'xDS');
    scope.add(() => xds.close());
    scope.add(() => sessions.close());

    const sources = (): StatusSources => ({
      mesh: store.mesh,
      sessions: sessions.all,
      states: (id) => sessions.server.states(id),
      now: clock.monotonic(),
    });
    const pages = new Map<string, StatusPage>([
      ['/ready', { contentType: 'text/plain', body: () => 'ready\n' }],
      ['/metrics', { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: () => metrics.registry.expose() }],
      ['/debug/syncz', jsonPage(() => syncStatus(sources()))],
      ['/debug/status', jsonPage((query) => statusOf(store.state, query, sources()))],
    ]);
    const status = createStatusServer(pages);
    const statusPort = await listen(status, address, options.statusPort, 'status');
    scope.add(() => {
      status.close();
      status.closeAllConnections();
    });

    scope.add(sweepRepeatedly(state.tokens, clock));
    log.info('control plane ready', { address, xdsPort, statusPort, trustDomain });
    return { xdsPort, statusPort, close: () => scope.close() };
  } catch (error) {
    await scope.close();
    throw error;
  }
};

/** All objects, or by `?kind=&namespace=&name=` one, with the proxies that it concerns; undefined if there is none. */
const statusOf = (state: StoreState | null, query: URLSearchParams, sources: StatusSources): unknown => {
  const kind = query.get('kind');
  if (kind === null) return state ? objectStatus(state, sources) : [];
  const ref = { kind, namespace: query.get('namespace') ?? '', name: query.get('name') ?? '' };
  return state ? objectDetail(state, ref, sources) : undefined;
};

/** Answers how to stop. */
const sweepRepeatedly = (directory: string, clock: Clock): (() => void) => {
  let timer: Timer;
  const sweep = (): void => {
    sweepTokens(directory, clock);
    timer = clock.setTimer(SWEEP_MS, sweep);
  };
  sweep();
  return () => timer.cancel();
};
