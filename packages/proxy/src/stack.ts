/**
 * The data path, in the order in which a request goes through it:
 *
 *     accept → detect → filter chain → TLS → HTTP → filters → route → attempt → cluster → endpoint → connection
 *       → bytes → one access record
 *
 * This is the one file that puts the stages together; each of them is a file of its own and knows no other.
 * docs/life-of-a-request.md tells the story.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { WeftError } from '@weft/base/errors';
import { faultPolicy } from '@weft/traffic/fault';
import { findFilterChain } from '@weft/traffic/filter-chain-match';
import { applyHeaderOperations } from '@weft/traffic/header-operations';
import { normalizePath } from '@weft/traffic/normalize-path';
import type { ConnectionView } from '@weft/traffic/request';
import {
  type DirectResponseAction,
  type ForwardAction,
  pickCluster,
  type RedirectAction,
  type Route,
  type WeightedCluster,
} from '@weft/traffic/route-table';
import type {
  FilterChainConfig,
  HttpConnectionManagerConfig,
  ListenerConfig,
  TrafficDirection,
} from '@weft/traffic/runtime-config';
import { accessLogsOf } from './access-logs.ts';
import type { ProxyContext } from './context.ts';
import { type Detected, Detection, inspects, plaintext } from './downstream/detect.ts';
import { ServerFirst } from './downstream/server-first.ts';
import { type DownstreamSecurity, HttpConnection, type ServiceSlot } from './downstream/http-connection.ts';
import { internalListeners } from './internal/internal-listeners.ts';
import { InternalStream } from './internal/internal-stream.ts';
import { TunnelSocket } from './internal/tunnel-socket.ts';
import { addRequestHeaders, forwardClientCert, sieveRequestHeaders } from './headers/request-headers.ts';
import type { DownstreamPeer } from './router/downstream-port.ts';
import type { Exchange } from './router/exchange.ts';
import type { HttpService } from './router/http-service.ts';
import { accessDenied, clusterNotFound, localReplies } from './router/outcome.ts';
import { runRouteFilters } from './router/route-filters.ts';
import { splitTarget } from './router/target.ts';
import { withExchange } from './tcp/peer-exchange.ts';
import { TcpConnection, type TcpService } from './tcp/tcp-proxy.ts';
import type { HttpStats } from './stats/http-stats.ts';
import type { ListenerStats } from './stats/listener-stats.ts';
import type { AccessLogSink } from './telemetry.ts';
import { terminateTls } from './tls/terminate.ts';
import type { Tracer } from './tracing/tracer.ts';
import { tracersOf } from './tracing/tracers.ts';
import { type Upstreams, upstreamsOf } from './upstream/upstreams.ts';
import type { UpstreamStream } from './upstream/upstream-stream.ts';

export interface RunningListener {
  /** The bound port: that of the configuration, unless it was 0. */
  readonly port: number;
  /**
   * For new connections, and for the next request of those whose filter chain is still there (same name, match and
   * TLS settings); the others close after their current request. Address and port cannot change.
   */
  update(config: ListenerConfig): void;
  /** From now on (or, `false`, no more) each answer asks its client to close the connection; new ones are still taken. */
  drain(on: boolean): void;
  /**
   * Accepts no more and closes idle connections; `graceful` waits for the others, at most DRAIN_MS, else they are closed
   * at once. Resolves when all are.
   */
  close(graceful: boolean): Promise<void>;
}

/** Rejects with WeftError portInUse if the address is taken. */
export const startListener = async (config: ListenerConfig, context: ProxyContext): Promise<RunningListener> => {
  const listener = new Listener(config, context);
  await listener.listen();
  return listener;
};

const DRAIN_MS = 5000;

/** A filter chain as long as connections use it; what it serves is replaced when the configuration changes. */
class Chain implements ServiceSlot {
  readonly #listener: Listener;
  readonly key: string;
  config: FilterChainConfig;
  http: HttpStack | null = null;
  tcp: TcpService | null = null;

  constructor(listener: Listener, key: string, config: FilterChainConfig) {
    this.#listener = listener;
    this.key = key;
    this.config = config;
  }

  get draining(): boolean {
    return this.#listener.draining;
  }

  get service(): HttpStack | null {
    this.#listener.refresh();
    return this.http;
  }
}

class Listener implements RunningListener {
  #config: ListenerConfig;
  readonly #context: ProxyContext;
  readonly #upstreams: Upstreams;
  readonly #server: Server;
  #chains = new Map<FilterChainConfig, Chain>();
  readonly #connections = new Set<HttpConnection | TcpConnection>();
  readonly #sockets = new Set<Socket>();
  #stats: ListenerStats;
  #closing = false;
  /** Only an outbound listener learns, and one that goes on when the client is silent. */
  #serverFirst: ServerFirst | null = null;
  draining = false;

  constructor(config: ListenerConfig, context: ProxyContext) {
    this.#config = config;
    this.#context = context;
    this.#upstreams = upstreamsOf(context);
    this.#stats = context.stats.listener(`${config.address}_${config.port}`);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#server.on('error', () => {});
    internalListeners(context).set(config.name, this);
    this.update(config);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#config.port;
  }

  listen(): Promise<void> {
    const { address, port, name } = this.#config;
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        const inUse = error.code === 'EADDRINUSE';
        const message = `listener ${name}: ${inUse ? `${address}:${port} is in use by another process` : error.message}`;
        reject(inUse ? new WeftError('portInUse', message, { cause: error }) : error);
      };
      this.#server.once('error', onError);
      this.#server.listen({ host: address, port, backlog: 4096 }, () => {
        this.#server.off('error', onError);
        // The port is known now.
        this.#stats = this.#context.stats.listener(`${address}_${this.port}`);
        this.update(this.#config);
        resolve();
      });
    });
  }

  update(config: ListenerConfig): void {
    const old = new Map([...this.#chains.values()].map((chain) => [chain.key, chain]));
    this.#config = config;
    const learns = config.direction === 'outbound' && config.continueOnInspectorTimeout && inspects(config);
    if (!learns) this.#serverFirst = null;
    else this.#serverFirst ??= new ServerFirst(this.#context.clock);
    this.#chains = new Map();
    const all =
      config.defaultFilterChain === null ? config.filterChains : [...config.filterChains, config.defaultFilterChain];
    for (const chainConfig of all) {
      const { name, match, tls, network } = chainConfig;
      const key = JSON.stringify([name, match, tls, network.kind]);
      const chain = old.get(key) ?? new Chain(this, key, chainConfig);
      old.delete(key);
      chain.config = chainConfig;
      if (network.kind === 'http')
        chain.http = new HttpStack(this.#context, this.#upstreams, config, this.port, network);
      else {
        chain.tcp = {
          context: this.#context,
          upstreams: this.#upstreams,
          config: network,
          direction: config.direction,
          stats: this.#context.stats.tcp(network.statPrefix),
          serverFirst: this.#serverFirst,
          accessLogs: accessLogsOf(this.#context.telemetry, network.accessLog),
        };
      }
      this.#chains.set(chainConfig, chain);
    }
    for (const gone of old.values()) gone.http = null;
    for (const connection of this.#connections) {
      if (connection instanceof HttpConnection && !connection.keepAlive && !this.draining) connection.drain();
    }
  }

  drain(on: boolean): void {
    this.draining = on;
  }

  async close(graceful: boolean): Promise<void> {
    this.#closing = true;
    const entrances = internalListeners(this.#context);
    if (entrances.get(this.#config.name) === this) entrances.delete(this.#config.name);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) {
      if (connection instanceof HttpConnection) connection.drain();
    }
    const cut = (): void => {
      for (const socket of this.#sockets) socket.destroy();
    };
    if (!graceful) cut();
    const timer = this.#context.clock.setTimer(DRAIN_MS, cut);
    await closed;
    timer.cancel();
  }

  /** The present configuration may be newer than the last one we were told of. */
  refresh(): void {
    const present = this.#context.config().listeners.get(this.#config.name);
    if (present !== undefined && present !== this.#config) this.update(present);
  }

  // ─── accept ───

  #accept(socket: Socket): void {
    this.refresh();
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const { overload } = this.#context;
    const stats = this.#stats;
    if (!overload.entered()) {
      stats.downstream_global_cx_overflow++;
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const acceptedMs = this.#context.clock.monotonic();
    stats.downstream_cx_total++;
    stats.downstream_cx_active++;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      overload.left();
      this.#sockets.delete(socket);
      stats.downstream_cx_active--;
      stats.downstream_cx_destroy++;
      stats.downstream_cx_length_ms.record(this.#context.clock.monotonic() - acceptedMs);
    });
    // ─── detect ───
    const known = this.#serverFirst?.known === true && this.#config.proxyProtocol === null;
    if (!known && inspects(this.#config)) {
      new Detection(socket, this.#config, this.#upstreams, stats, this.#detected);
    } else this.#detected(socket, plaintext, null);
  }

  // ─── filter chain ───

  readonly #detected = (socket: Socket, detected: Detected, seen: Buffer | null): void => {
    const { transport, serverName, protocols } = detected;
    const view = connectionView(socket, detected);
    const chosen = findFilterChain(this.#config, view.destinationAddress, transport, serverName, protocols);
    const chain = chosen === null ? undefined : this.#chains.get(chosen);
    // A stranger to every chain: plaintext where mutual TLS is required (STRICT), for one.
    if (chain === undefined) {
      this.#stats.no_filter_chain_match++;
      socket.destroy();
      return;
    }
    if (seen !== null) socket.unshift(seen);
    // ─── TLS ───
    const { tls } = chain.config;
    if (tls === null) {
      this.#start(socket, chain, view, noSecurity, null);
      return;
    }
    const alpn = chain.tcp === null ? tls.alpn : withExchange(tls.alpn);
    terminateTls(socket, tls, alpn, detected, this.#context, this.#upstreams, this.#stats.tls, (terminated) => {
      view.mtls = terminated.mtls;
      view.peerPrincipal = terminated.principal;
      const security = { tls: true, clientCert: terminated.clientCert };
      this.#start(terminated.socket, chain, view, security, terminated.greeting);
    });
  };

  // ─── the inside of a tunnel ───

  /** As if the tunnel's client had connected here by itself: what its certificate said counts. */
  enter(outer: DownstreamPeer): UpstreamStream | null {
    this.refresh();
    const { mtls, peerPrincipal } = outer.view;
    const address = this.#config.address;
    const find = (transport: 'tls' | 'raw_buffer'): Chain | undefined => {
      const chosen = findFilterChain(this.#config, address, transport, '', transport === 'tls' ? MESH_ALPN : []);
      return chosen === null ? undefined : this.#chains.get(chosen);
    };
    let chain = mtls ? find('tls') : undefined;
    if (chain === undefined || chain.config.tls === null) chain = find('raw_buffer');
    const tls = chain?.config.tls ?? null;
    const names = { uris: [peerPrincipal], dns: [], emails: [], addresses: [], subject: '' };
    const acceptable = tls === null || this.#context.tls.server(tls)?.verifyPeer(names);
    if (chain === undefined || this.#closing || !acceptable) {
      this.#stats.no_filter_chain_match++;
      return null;
    }
    const view = { ...outer.view, destinationAddress: address, destinationPort: this.port, sni: '' };
    const socket = new TunnelSocket({
      remoteAddress: view.sourceAddress,
      remotePort: view.sourcePort,
      localAddress: address,
      localPort: this.port,
    });
    const known = tls !== null;
    if (!known) Object.assign(view, { mtls: false, peerPrincipal: '' });
    const security = known ? { tls: true, clientCert: outer.clientCert } : noSecurity;
    this.#start(socket as unknown as Socket, chain, view, security, null);
    return socket.destroyed ? null : new InternalStream(socket);
  }

  #start(
    socket: Socket,
    chain: Chain,
    view: ConnectionView,
    security: DownstreamSecurity,
    greeting: Buffer | null,
  ): void {
    for (const authorizer of chain.config.networkAuthorizers) {
      if (!authorizer.check(view, null).allowed) {
        socket.destroy();
        return;
      }
    }
    // ─── HTTP, or bytes ───
    const { service } = chain;
    if (service !== null && greeting === null) {
      this.#connections.add(new HttpConnection(socket, view, security, chain, service, this.#ended));
      socket.resume();
    } else if (chain.tcp !== null) {
      this.#connections.add(new TcpConnection(chain.tcp, socket, view, greeting, this.#ended));
    } else socket.destroy();
  }

  readonly #ended = (connection: HttpConnection | TcpConnection): void => {
    this.#connections.delete(connection);
  };
}

/** What tells a sidecar's TLS from an application's own. */
const MESH_ALPN = ['istio'];

const noSecurity: DownstreamSecurity = { tls: false, clientCert: '' };

/** Who connected to whom: a PROXY header's word counts, but for the peer's own address. */
const connectionView = (socket: Socket, { serverName, addresses }: Detected): ConnectionView => {
  const direct = plainAddress(socket.remoteAddress);
  const { source, destination } = addresses ?? {
    source: { address: direct, port: socket.remotePort ?? 0 },
    destination: { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 },
  };
  return {
    sourceAddress: source.address,
    sourcePort: source.port,
    destinationAddress: destination.address,
    destinationPort: destination.port,
    mtls: false,
    peerPrincipal: '',
    sni: serverName,
    directAddress: direct,
  };
};

/** An IPv4 address as such, also where a socket for both families accepted it. */
const plainAddress = (address: string | undefined): string =>
  address === undefined ? '' : address.startsWith('::ffff:') ? address.slice(7) : address;

const localOverloaded = ['x-envoy-local-overloaded', 'true'];

/** The HTTP part of the path, for the requests of one filter chain. */
class HttpStack implements HttpService {
  readonly context: ProxyContext;
  readonly upstreams: Upstreams;
  readonly manager: HttpConnectionManagerConfig;
  readonly direction: TrafficDirection;
  readonly address: string;
  readonly port: number;
  readonly accessLogs: readonly AccessLogSink[];
  readonly stats: HttpStats;
  readonly tracer: Tracer | null;
  readonly #normalize: { readonly mergeSlashes: boolean };
  /** The fault filter does something of itself, not only where a route says so. */
  readonly #alwaysFault: boolean;

  constructor(
    context: ProxyContext,
    upstreams: Upstreams,
    listener: ListenerConfig,
    port: number,
    manager: HttpConnectionManagerConfig,
  ) {
    this.context = context;
    this.upstreams = upstreams;
    this.manager = manager;
    this.direction = listener.direction;
    this.address = listener.address;
    this.port = port;
    this.accessLogs = accessLogsOf(context.telemetry, manager.accessLog);
    this.stats = context.stats.http(manager.statPrefix);
    this.tracer = manager.tracing === null ? null : tracersOf(context).tracer(manager.tracing, listener.direction);
    this.#normalize = { mergeSlashes: manager.mergeSlashes };
    this.#alwaysFault = faultPolicy(manager, null) !== null;
  }

  handle(x: Exchange): void {
    const { manager, context } = this;
    const { peer, headers } = x;
    if (context.overload.shedding) {
      this.stats.downstream_rq_overload_close++;
      splitTarget(x);
      return x.reply(localReplies.overloaded, localOverloaded);
    }

    // ─── filters ───
    // What the client says of itself is sieved before anything may believe it.
    splitTarget(x);
    sieveRequestHeaders(headers, this.direction === 'inbound' && x.connection.mtls, x);
    forwardClientCert(headers, manager.forwardClientCert, x.forwardedClientCert, peer.clientCert);
    x.scheme = addRequestHeaders(headers, x, peer.tls, this.tracer === null ? context.random : null);
    if (this.tracer !== null) x.span = this.tracer.begin(x, this.stats.tracing);
    // Policies and routes see the path as the application would understand it.
    if (manager.normalizePath && x.method !== 'CONNECT') {
      const path = normalizePath(x.path, this.#normalize);
      if (path === null) {
        this.stats.downstream_rq_failed_path_normalization++;
        return x.reply(localReplies.pathRefused);
      }
      x.path = path;
    }
    for (const authorizer of manager.authorizers) {
      const verdict = authorizer.check(x.connection, x);
      if (!verdict.allowed) {
        this.stats.rbac.denied++;
        return x.reply(accessDenied(verdict.policy));
      }
      this.stats.rbac.allowed++;
    }
    applyHeaderOperations(manager.requestHeaderOps, headers, x);

    // ─── route ───
    const table =
      manager.routeConfigName === null
        ? manager.inlineRoutes
        : context.config().routeTables.get(manager.routeConfigName);
    const route = table?.match(x) ?? null;
    if (route === null) {
      this.stats.no_route++;
      return x.reply(localReplies.routeNotFound);
    }
    this.stats.rq_total++;
    x.route = route;
    const { action } = route;
    if (action.kind === 'forward') return this.#forward(x, route, action);
    if (route.filters === null && !this.#alwaysFault) return this.#answer(x, route, action);
    return runRouteFilters(x, route.filters, '', () => this.#answer(x, route, action));
  }

  #answer(x: Exchange, { responseHeaders }: Route, action: RedirectAction | DirectResponseAction): void {
    const direct = { flags: '', details: 'direct_response', status: action.status };
    // As Envoy: an answer that should say where says the request's own place.
    const here = action.status === 201 || (action.status >= 300 && action.status < 400);
    const location = here ? ['location', `${x.scheme}://${x.authority}${x.path}`] : [];
    if (action.kind === 'direct') this.stats.rq_direct_response++;
    else this.stats.rq_redirect++;
    if (action.kind === 'direct') x.reply({ ...direct, body: action.body }, location, responseHeaders);
    else x.reply({ ...direct, body: '' }, ['location', action.location(x)], responseHeaders);
  }

  // ─── attempt → cluster → endpoint → connection → bytes → one access record: Exchange#forward ───
  #forward(x: Exchange, route: Route, action: ForwardAction): void {
    if (!this.#upgradeAllowed(x, action)) {
      this.stats.downstream_rq_ws_on_non_ws_route++;
      return x.reply(localReplies.upgradeRefused);
    }
    const weighted = pickCluster(action.clusters, this.context.random);
    const filters = weighted === null ? null : weighted.filters;
    if (filters === null && !this.#alwaysFault) return this.#toCluster(x, route, action, weighted);
    return runRouteFilters(x, filters, weighted?.name ?? '', () => this.#toCluster(x, route, action, weighted));
  }

  #toCluster(x: Exchange, route: Route, action: ForwardAction, weighted: WeightedCluster | null): void {
    const cluster = weighted === null ? null : this.context.clusters.get(weighted.name);
    if (weighted === null || cluster === null) {
      this.stats.no_cluster++;
      return x.reply(clusterNotFound(action.clusterNotFoundStatus));
    }
    applyHeaderOperations(weighted.requestHeaders, x.headers, x);
    applyHeaderOperations(route.requestHeaders, x.headers, x);
    return x.forward(action, weighted, cluster);
  }

  #upgradeAllowed(x: Exchange, action: ForwardAction): boolean {
    const type = x.method === 'CONNECT' ? 'connect' : x.upgrade;
    if (type === '') return true;
    if (type === 'h2c') {
      // An offer, not a demand: as in Envoy it is not taken up.
      x.upgrade = '';
      return true;
    }
    if (action.upgrades.includes(type)) return true;
    return this.manager.upgrades.includes(type) && !action.refusedUpgrades.includes(type);
  }
}
