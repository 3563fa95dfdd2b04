import type { Clock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Credentials } from '@weft/identity/workload-identity';
import { type LineLog, type LogLevel, logLevels } from '@weft/telemetry/log';
import type { LiveClusters } from '../cluster-manager.ts';
import type { Drain } from '../drain.ts';
import type { ListenerSet } from '../listener-set.ts';
import type { ConfigSubscription } from '../xds/config-subscription.ts';
import { type Answer, json, type Page, text } from './admin-server.ts';
import { certsPage } from './certs-page.ts';
import { clustersPage } from './clusters-page.ts';
import { configDumpPage } from './config-dump-page.ts';
import { prometheusPage, type StatsSource, statsPage } from './stats-page.ts';

export type ServerState = 'LIVE' | 'INITIALIZING' | 'DRAINING';

/** What the pages show, and what they can make happen. */
export interface AdminView {
  readonly bootstrap: ProxyBootstrap;
  readonly clock: Clock;
  readonly log: LineLog;
  readonly statistics: StatsSource;
  readonly clusters: LiveClusters;
  readonly listeners: ListenerSet;
  readonly subscription: ConfigSubscription;
  readonly credentials: () => Credentials | null;
  readonly state: () => ServerState;
  /** Monotonic. */
  readonly startedMs: number;
  readonly drain: Drain;
  readonly resetCounters: () => void;
  readonly quit: () => void;
}

/** Under Envoy's names: https://www.envoyproxy.io/docs/envoy/latest/operations/admin */
export const adminPages = (view: AdminView): Readonly<Record<string, Page>> => ({
  '/certs': get('certificates in use', () => certsPage(view.credentials(), view.clock.now())),
  '/clusters': get('upstream clusters and their hosts', (query) =>
    clustersPage(view.subscription.current, view.clusters, query),
  ),
  '/config_dump': get('the configuration as received over xDS', (query) =>
    configDumpPage(view.subscription, view.credentials(), query),
  ),
  '/drain_listeners': post('stop listening; ?graceful: later, ?skip_exit: never, ?inboundonly: only those', (query) =>
    drainPage(view.drain, query),
  ),
  '/healthcheck/fail': post('not ready, until /healthcheck/ok; answers ask their clients to go elsewhere', () => {
    view.drain.failHealthCheck(true);
    return text('OK\n');
  }),
  '/healthcheck/ok': post('ready again', () => {
    view.drain.failHealthCheck(false);
    return text('OK\n');
  }),
  '/healthz/ready': readyPage(view.state),
  '/listeners': get('listeners', (query) => listenersPage(view.listeners, query)),
  '/logging': post('the log level; ?level=debug|info|warning|error sets it, as do ?weft= and ?paths=weft:', (query) =>
    loggingPage(view.log, query),
  ),
  '/memory': get('memory of the process', memoryPage),
  '/quitquitquit': post('drain and exit', () => {
    view.quit();
    return text('OK\n');
  }),
  '/ready': get('LIVE once requests can be served', () =>
    text(`${view.state()}\n`, view.state() === 'LIVE' ? 200 : 503),
  ),
  '/reset_counters': post('counters of /stats are 0 again', () => {
    view.resetCounters();
    return text('OK\n');
  }),
  '/server_info': get('version, state and node', () => serverInfoPage(view)),
  '/stats': get('metrics as text', (query) => statsPage(view.statistics, query)),
  '/stats/prometheus': metricsPage(view.statistics),
});

export const readyPage = (state: () => ServerState): Page =>
  get('200 once requests can be served', () => (state() === 'LIVE' ? text('') : text(`${state()}\n`, 503)));

export const metricsPage = (statistics: StatsSource): Page =>
  get('metrics in Prometheus’ format', (query) => prometheusPage(statistics, query));

const get = (help: string, answer: Page['answer']): Page => ({ method: 'GET', help, answer });
const post = (help: string, answer: Page['answer']): Page => ({ method: 'POST', help, answer });

const listenersPage = (listeners: ListenerSet, query: URLSearchParams): Answer => {
  const all = [...listeners.states].map(([name, { config, state }]) => ({ name, config, state: state.kind }));
  if (query.get('format') !== 'json')
    return text(all.map(({ name, config }) => `${name}::${config.address}:${config.port}\n`).join(''));
  return json({
    listener_statuses: all.map(({ name, config, state }) => ({
      name,
      local_address: { socket_address: { address: config.address, port_value: config.port } },
      state,
    })),
  });
};

const drainPage = (drain: Drain, query: URLSearchParams): Answer => {
  const graceful = query.has('graceful');
  if (query.has('skip_exit') && !graceful) return text('skip_exit needs graceful\n', 400);
  drain.listeners(query.has('inboundonly') ? 'inbound' : 'all', graceful, query.has('skip_exit'));
  return text('OK\n');
};

/** Envoy's three ways to say it; there is one logger. */
const loggingPage = (log: LineLog, query: URLSearchParams): Answer => {
  const path = query.get('paths');
  if (path !== null && !/^weft:[^,]*$/.test(path)) return text('unknown logger; there is weft alone\n', 400);
  const level = path?.slice('weft:'.length) ?? query.get('level') ?? query.get('weft');
  if (level === null) return text(`active loggers:\n  weft: ${log.level}\n`);
  if (!logLevels.includes(level as LogLevel)) return text(`unknown level; use one of ${logLevels.join(', ')}\n`, 400);
  log.level = level as LogLevel;
  return text(`active loggers:\n  weft: ${level}\n`);
};

/** Envoy's names for V8's: allocated what is used, heap_size what V8 has taken, total_physical_bytes resident. */
const memoryPage = (): Answer => {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return json({
    allocated: String(heapUsed),
    heap_size: String(heapTotal),
    external: String(external),
    array_buffers: String(arrayBuffers),
    total_physical_bytes: String(rss),
  });
};

const serverInfoPage = ({ bootstrap, clock, startedMs, state, subscription }: AdminView): Answer => {
  const uptime = `${Math.floor((clock.monotonic() - startedMs) / 1000)}s`;
  return json({
    version: `weft/node ${process.versions.node}`,
    state: state(),
    hot_restart_version: 'disabled',
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    node: bootstrap.node,
    control_plane: { address: bootstrap.discoveryAddress, ...subscription.state },
    refused: subscription.refusals,
  });
};
