import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Random } from '@weft/base/random';
import { Scope } from '@weft/base/scope';
import type { Credentials } from '@weft/identity/workload-identity';
import type { LineLog } from '@weft/telemetry/log';
import { Registry } from '@weft/telemetry/metrics';
import type { RuntimeConfig } from '@weft/traffic/runtime-config';
import { parseHostPort } from './admin/host-port.ts';
import { servePages } from './admin/admin-server.ts';
import type { StatsSource } from './admin/stats-page.ts';
import { adminPages, metricsPage, readyPage, type ServerState } from './admin/pages.ts';
import { probesOver } from './health/probes.ts';
import { LiveClusters } from './cluster-manager.ts';
import type { ProxyContext } from './context.ts';
import { DnsCache } from './dns/dns-cache.ts';
import { type NameResolver, systemNameResolver } from './dns/name-resolver.ts';
import { isRefused, type OwnAddress } from './dns/refused-addresses.ts';
import { connectControlPlane, readRoots } from './control-plane-session.ts';
import { encodePeerMetadata, peerLabels } from './headers/peer-metadata.ts';
import type { Struct } from './headers/struct.ts';
import { Drain } from './drain.ts';
import { ListenerSet } from './listener-set.ts';
import { Overload } from './overload.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { Readiness } from './readiness.ts';
import { startListener } from './stack.ts';
import { StateKeeper } from './state/state-keeper.ts';
import { collectStats } from './stats/collect-stats.ts';
import { resetCounters } from './stats/reset-counters.ts';
import { ProxyStats } from './stats/proxy-stats.ts';
import { peerGreeting } from './tcp/peer-exchange.ts';
import { RegistryTelemetry } from './telemetry-impl.ts';
import { WorkloadTlsStore } from './tls-store.ts';
import { tracersOf } from './tracing/tracers.ts';
import { spiffeIdOf, workloadCertificate } from './workload-certificate.ts';
import { ConfigSubscription } from './xds/config-subscription.ts';

export interface ProxyOptions {
  readonly bootstrap: ProxyBootstrap;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LineLog;
  /** How long requests in flight may take when the proxy ends. Default 4,000 ms. */
  readonly drainMs?: number;
  /** For hosts outside the mesh. Default: as the system does. */
  readonly resolveName?: NameResolver;
}

export interface RunningProxy {
  /** Rejects if the proxy cannot go on; resolves after `close`, or after `/quitquitquit`. */
  readonly ended: Promise<void>;
  /** Takes leave (`drain.ts`), closes everything. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** For the last spans; a collector that is away holds nothing up. */
const SPANS_MS = 500;

/** Istio's `terminationDrainDuration`. */
const TERMINATION_DRAIN_MS = 5000;
/** Less than a supervisor waits before it kills. */
const DRAIN_MS = 4000;

/**
 * Composes the proxy in the order in which it comes up: pages (not ready) → identity → configuration → clusters →
 * listeners → ready. Each step waits for what it needs and for nothing else; a control plane that is away delays, and
 * once a configuration is there, no longer matters.
 */
export const startProxy = async (options: ProxyOptions): Promise<RunningProxy> => {
  const { bootstrap, clock, random, log, drainMs = DRAIN_MS } = options;
  const scope = new Scope();
  const startedMs = clock.monotonic();
  const registry = new Registry({ onOverflow: (metric) => log.warning('too many series', { metric }) });
  registerProcessMetrics(registry, clock);
  const telemetry = new RegistryTelemetry(registry, clock);
  const stats = new ProxyStats();
  const overload = new Overload(bootstrap.overload ?? {}, clock);
  const tls = new WorkloadTlsStore(
    bootstrap.trustDomain,
    peerGreeting(bootstrap.node.id, metadataOf(bootstrap)),
    clock,
  );
  const outside = {
    dns: new DnsCache(options.resolveName ?? systemNameResolver(), clock),
    refuses: (address: string, port: number) => isRefused(address, port, ownAddresses(bootstrap, subscription.current)),
  };
  const clusters = new LiveClusters(random, clock, outside, probesOver(tls));
  const end = Promise.withResolvers<void>();

  const identity = workloadCertificate({
    bootstrap,
    clock,
    random,
    onFailure: (error, retryInMs) => {
      const code = error instanceof WeftError ? error.kind.code : '';
      log.warning('no certificate yet', { code, reason: error.message, retryInMs: Math.round(retryInMs) });
      // The token is spent and the certificate has ended: only a new start, with a new token, helps.
      if (
        error instanceof WeftError &&
        !error.kind.retryable &&
        clock.now() >= (identity.current?.notAfterMs ?? Infinity)
      )
        end.reject(error);
    },
  });

  const subscription: ConfigSubscription = new ConfigSubscription({
    bootstrap,
    clock,
    random,
    log,
    connect: () =>
      connectControlPlane(
        bootstrap.discoveryAddress,
        identity.current?.bundle.pem ?? readRoots(bootstrap.rootCertFile),
        identity.current,
      ),
    onConfig: (config) => {
      clusters.apply(config.clusters);
      listeners.apply(config);
      readiness.check();
      keeper.configurationChanged();
    },
  });
  const context = proxyContext(options, {
    clusters,
    tls,
    telemetry,
    stats,
    overload,
    config: () => subscription.current,
  });
  const listeners = new ListenerSet({
    clock,
    log,
    stats: stats.listenerManager,
    open: (config) => startListener(config, context),
  });
  const readiness = new Readiness({ clock, log, subscription, listeners });

  const keeper = new StateKeeper({
    stateDir: bootstrap.stateDir,
    nodeId: bootstrap.node.id,
    clock,
    log,
    configuration: () => ({ resources: subscription.kept }),
  });

  const drain = new Drain({
    clock,
    log,
    listeners,
    acceptMs: bootstrap.terminationDrainMs ?? TERMINATION_DRAIN_MS,
    finishMs: drainMs,
  });
  const state = (): ServerState => (drain.draining ? 'DRAINING' : readiness.ready ? 'LIVE' : 'INITIALIZING');
  const close = async (): Promise<void> => {
    await drain.leave();
    await Promise.race([tracersOf(context).flush(), clock.sleep(SPANS_MS)]);
    await telemetry.flush();
    await scope.close();
    await keeper.close();
    end.resolve();
  };

  const statistics: StatsSource = {
    exposition: () => registry.expose(),
    stats: () => {
      const now = state();
      return collectStats(stats, clusters.live.values(), {
        uptimeS: Math.floor((clock.monotonic() - startedMs) / 1000),
        state: now === 'LIVE' ? 0 : now === 'DRAINING' ? 1 : 3,
        listeners: {
          active: [...listeners.states.values()].filter((l) => l.state.kind === 'open').length,
          warming: [...listeners.states.values()].filter((l) => l.state.kind !== 'open').length,
          draining: listeners.draining,
        },
        activeClusters: subscription.current.clusters.size,
        daysUntilFirstCertExpiring: Math.floor(((identity.current?.notAfterMs ?? clock.now()) - clock.now()) / DAY_MS),
      });
    },
  };
  const view = {
    bootstrap,
    clock,
    log,
    statistics,
    clusters,
    listeners,
    subscription,
    credentials: () => identity.current,
    state,
    startedMs,
    drain,
    resetCounters: () => {
      for (const all of [stats.listeners, stats.httpManagers, stats.tcpProxies, stats.tracers])
        for (const one of all.values()) resetCounters(one);
      resetCounters(stats);
      for (const cluster of clusters.live.values()) resetCounters(cluster.stats);
    },
    quit: () => void close(),
  };
  try {
    for (const [address, purpose, pages] of [
      [bootstrap.adminAddress, 'admin', adminPages(view)],
      [bootstrap.healthAddress, 'health', { '/healthz/ready': readyPage(state) }],
      [bootstrap.metricsAddress, 'metrics', { '/stats/prometheus': metricsPage(statistics) }],
    ] as const) {
      const server = await servePages(address, purpose, pages);
      scope.add(() => server.close());
    }
  } catch (error) {
    await scope.close();
    throw error;
  }

  overload.start();
  scope.add(() => overload.close());
  scope.add(() => identity.stop());
  scope.add(() => subscription.client.close());
  const use = (credentials: Credentials): void => {
    tls.use(credentials);
    keeper.credentialsChanged(credentials);
  };
  identity.onRotated(use);
  const kept = keeper.readCredentials(spiffeIdOf(bootstrap), () => readRoots(bootstrap.rootCertFile));
  if (kept !== null) {
    log.info('kept identity', { spiffeId: kept.spiffeId, serial: kept.serialNumber });
    tls.use(kept);
    identity.resume(kept);
    const configuration = keeper.readConfiguration();
    if (configuration !== null) subscription.restore(configuration.resources);
    void subscription.client.run();
    return { ended: end.promise, close };
  }
  identity.start().then(
    (credentials) => {
      log.info('identity', { spiffeId: credentials.spiffeId, serial: credentials.serialNumber });
      use(credentials);
      void subscription.client.run();
    },
    (error: unknown) => {
      if (!scope.closed) end.reject(error);
    },
  );
  return { ended: end.promise, close };
};

/** Where this proxy itself listens: requests for the outside do not lead back there. */
const ownAddresses = (
  { adminAddress, healthAddress, metricsAddress }: ProxyBootstrap,
  { listeners }: RuntimeConfig,
): OwnAddress[] => [
  ...listeners.values(),
  ...[adminAddress, healthAddress, metricsAddress].map((address) => {
    const { host, port } = parseHostPort(address, 'own');
    return { address: host, port };
  }),
];

const proxyContext = (
  { bootstrap, clock, random }: ProxyOptions,
  parts: Pick<ProxyContext, 'clusters' | 'tls' | 'telemetry' | 'stats' | 'overload' | 'config'>,
): ProxyContext => {
  const { id, metadata } = bootstrap.node;
  const { NAMESPACE, WORKLOAD_NAME, CLUSTER_ID, LABELS } = metadata;
  return {
    ...parts,
    clock,
    random,
    peerMetadata: encodePeerMetadata(metadataOf(bootstrap)),
    local: {
      nodeId: id,
      principal: spiffeIdOf(bootstrap),
      labels: peerLabels({ workload: WORKLOAD_NAME, namespace: NAMESPACE, cluster: CLUSTER_ID, labels: LABELS }),
    },
  };
};

/** What peers are told of this workload. */
const metadataOf = ({ node }: ProxyBootstrap): Struct => {
  const { NAME, NAMESPACE, WORKLOAD_NAME, CLUSTER_ID, LABELS } = node.metadata;
  return {
    NAME,
    NAMESPACE,
    WORKLOAD_NAME,
    CLUSTER_ID,
    LABELS,
    OWNER: `kubernetes://apis/apps/v1/namespaces/${NAMESPACE}/deployments/${WORKLOAD_NAME}`,
  };
};
