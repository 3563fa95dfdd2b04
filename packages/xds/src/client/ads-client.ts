import type { ClientHttp2Session } from 'node:http2';
import { Backoff } from '@weft/base/backoff';
import type { Clock } from '@weft/base/clock';
import type { Random } from '@weft/base/random';
import type { Node } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { DeltaDiscoveryRequest } from '@weft/xds-api/gen/envoy/service/discovery/v3';
import { methods } from '@weft/xds-api/type-urls';
import { type RawResource, tryReadDeltaResponse } from '../codec/delta-response.ts';
import { encodeMessage } from '../codec/encode.ts';
import { openStream } from '../grpc/client.ts';
import { keepAlive } from '../grpc/keep-alive.ts';
import { grpcCodes } from '../grpc/status.ts';
import type { GrpcStream } from '../grpc/stream.ts';
import { type KeptResource, TypeSubscription } from './kept-resources.ts';
import { whenConnected } from './session.ts';

export interface AdsUpdate {
  readonly typeUrl: string;
  readonly added: readonly RawResource[];
  readonly removed: readonly string[];
}

/** A resource that an earlier client accepted. */
export interface RestoredResource extends RawResource {
  /** Wall clock, ms. */
  readonly updatedMs: number;
}

export interface AdsClientOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly node: Node;
  /** A new session to the server, at each attempt; TLS and certificates are the caller's business. May throw. */
  readonly connect: () => ClientHttp2Session | Promise<ClientHttp2Session>;
  /**
   * Takes an update as a whole or refuses it as a whole: null is an ACK, a text a NACK with that text. Everything
   * happens within the call; throwing is a NACK too. `bytes` are valid during the call only; what was accepted is to
   * be had from `kept`. May call `subscribe`.
   */
  readonly onUpdate: (update: AdsUpdate) => string | null;
  readonly onState?: (state: AdsClientState) => void;
  /** Reconnecting: random waits, at most this long at first, doubling up to the maximum. Defaults 250 and 15,000 ms. */
  readonly backoffMs?: { readonly base: number; readonly max: number };
  /** For a connection to be made. Default 10,000 ms. */
  readonly connectTimeoutMs?: number;
  /** Between pings; unanswered for as long, the connection is given up. Default 30,000 ms. */
  readonly keepAliveMs?: number;
}

export type AdsClientState =
  | { readonly kind: 'connected' }
  /** What was received stays in force. */
  | { readonly kind: 'disconnected'; readonly reason: string };

/** A response may carry the whole mesh. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/**
 * Delta ADS. It keeps the accepted bytes of each resource, undecoded, reconnects with their versions, and is then sent
 * only what changed. The server being away changes nothing but `onState`.
 */
export class AdsClient {
  readonly #options: AdsClientOptions;
  readonly #types = new Map<string, TypeSubscription>();
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  /** Null while not connected. */
  #stream: GrpcStream | null = null;
  #nodeSent = false;

  constructor(options: AdsClientOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoffMs?.base ?? 250, options.backoffMs?.max ?? 15_000, options.random);
  }

  /** Sets what is wanted of a type, replacing what was; only the difference is sent. Can be called at any time. */
  subscribe(typeUrl: string, names: 'wildcard' | Iterable<string>): void {
    const wildcard = names === 'wildcard';
    const wanted: ReadonlySet<string> = wildcard ? new Set() : new Set(names);
    const known = this.#types.get(typeUrl);
    const type = known ?? new TypeSubscription();
    const { subscribe, unsubscribe } = type.change(wanted, wildcard);
    this.#types.set(typeUrl, type);
    if (!this.#stream) return;
    if (!known) this.#sendFirst(this.#stream, typeUrl, type);
    else if (subscribe.length > 0 || unsubscribe.length > 0)
      this.#send(this.#stream, { typeUrl, resourceNamesSubscribe: subscribe, resourceNamesUnsubscribe: unsubscribe });
  }

  /** What was last accepted, by name. */
  kept(typeUrl: string): ReadonlyMap<string, KeptResource> {
    return this.#types.get(typeUrl)?.kept ?? new Map();
  }

  /**
   * Takes what an earlier client of this node had kept as if it were received now; to be called before `run`, which
   * then tells the server the versions. False if `onUpdate` refused it, or the type was not subscribed to.
   */
  restore(typeUrl: string, resources: readonly RestoredResource[]): boolean {
    const type = this.#types.get(typeUrl);
    if (!type || this.#offer({ typeUrl, added: resources, removed: [] }) !== null) return false;
    type.restore(resources);
    return true;
  }

  /** Connects and stays connected; resolves after `close`. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const reason = await this.#connectAndStream();
      if (signal.aborted) return;
      this.#options.onState?.({ kind: 'disconnected', reason });
      await this.#options.clock.sleep(this.#backoff.nextMs(), signal).catch(() => {});
    }
  }

  close(): void {
    this.#stop.abort();
    this.#stream?.fail(grpcCodes.cancelled, 'closed');
  }

  /** Resolves with why it ended. */
  async #connectAndStream(): Promise<string> {
    const { clock } = this.#options;
    let session: ClientHttp2Session | undefined;
    try {
      session = await this.#options.connect();
      await whenConnected(session, clock, this.#options.connectTimeoutMs ?? 10_000, this.#stop.signal);
      const alive = keepAlive(session, clock, this.#options.keepAliveMs ?? 30_000);
      const reason = await this.#streamOver(session);
      alive.cancel();
      return reason;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      session?.destroy();
    }
  }

  #streamOver(session: ClientHttp2Session): Promise<string> {
    return new Promise((resolve) => {
      const stream = openStream(session, methods.deltaAggregatedResources, { maxMessageBytes: MAX_RESPONSE_BYTES });
      this.#stream = stream;
      this.#nodeSent = false;
      stream.onMessage((bytes) => this.#receive(stream, bytes));
      stream.onClose(({ code, message }) => {
        this.#stream = null;
        resolve(message || `the server ended the stream (gRPC status ${code})`);
      });
      this.#options.onState?.({ kind: 'connected' });
      for (const [typeUrl, type] of this.#types) this.#sendFirst(stream, typeUrl, type);
    });
  }

  #receive(stream: GrpcStream, bytes: Uint8Array): void {
    const response = tryReadDeltaResponse(bytes);
    if (!response) return stream.fail(grpcCodes.internal, 'the server sent a malformed response');
    const { typeUrl, nonce, resources: added, removed } = response;
    const type = this.#types.get(typeUrl);
    this.#backoff.reset();
    const problem = type
      ? (response.problem ?? this.#offer({ typeUrl, added, removed }))
      : `${typeUrl} was not asked for`;
    if (problem === null) type?.accept(added, removed, this.#options.clock.now());
    this.#send(stream, {
      typeUrl,
      responseNonce: nonce,
      ...(problem !== null && { errorDetail: { code: grpcCodes.invalidArgument, message: problem } }),
    });
  }

  #offer(update: AdsUpdate): string | null {
    try {
      return this.#options.onUpdate(update);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #sendFirst(stream: GrpcStream, typeUrl: string, type: TypeSubscription): void {
    const { subscribe, initialVersions } = type.resume();
    // Nothing asked for yet: an empty first request would ask for everything.
    if (!type.wildcard && subscribe.length === 0) return;
    this.#send(stream, { typeUrl, resourceNamesSubscribe: subscribe, initialResourceVersions: initialVersions });
  }

  #send(stream: GrpcStream, request: DeltaDiscoveryRequest): void {
    const node = this.#nodeSent ? undefined : this.#options.node;
    this.#nodeSent = true;
    stream.write(encodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', { ...request, node }));
  }
}
