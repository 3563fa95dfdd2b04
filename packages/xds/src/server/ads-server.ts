import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { Node } from '@weft/xds-api/gen/envoy/config/core/v3';
import { methods } from '@weft/xds-api/type-urls';
import type { GrpcContext, GrpcHandler } from '../grpc/server.ts';
import { grpcCodes } from '../grpc/status.ts';
import type { GrpcStream } from '../grpc/stream.ts';
import type { Snapshot } from '../snapshot.ts';
import { Admission } from './admission.ts';
import { AdsStream, type TypeState } from './ads-stream.ts';
import { parseRequest, type Protocol } from './protocol.ts';
import { ResponseBodies } from './response-bodies.ts';

/** Who is at the other end, proven by the connection (the SPIFFE id of its certificate); empty where nothing was. */
export interface AdsPeer {
  readonly principal: string;
}

/** A client that said who it is. `id` is never used again. */
export interface AdsConnection {
  readonly id: number;
  readonly node: Node;
  readonly peer: AdsPeer;
  readonly protocol: Protocol;
}

export interface AdsServerOptions {
  readonly clock: Clock;
  /**
   * Called with the first request of each stream; answers what this client gets to see, or why nothing. The node is
   * the client's own claim: check it against `peer`. Throwing ends the stream with INTERNAL.
   */
  readonly connect: (connection: AdsConnection) => { readonly snapshot: Snapshot } | { readonly refuse: string };
  readonly onEvent?: (event: AdsEvent) => void;
  /** How long routes wait for the endpoints of new clusters to be acknowledged. Default 5,000 ms; 0: not at all. */
  readonly warmDeadlineMs?: number;
  /**
   * A delta response is not made larger than this by a second resource; the rest follows when it is acknowledged.
   * Default 128 KiB: a proxy decodes that in a few milliseconds, between two requests. State of the world cannot be cut.
   */
  readonly maxResponseBytes?: number;
  /** How many clients are served their first configuration at a time. Default 32. */
  readonly admitAtOnce?: number;
}

export type AdsEvent = { readonly connection: AdsConnection } & (
  | { readonly kind: 'ack'; readonly typeUrl: string }
  /** A whole response was rejected; the server now looks for the culprit. */
  | { readonly kind: 'rejected'; readonly typeUrl: string; readonly message: string }
  /** The culprit: the client stays with its last accepted version of it. */
  | {
      readonly kind: 'nack';
      readonly typeUrl: string;
      readonly resourceName: string;
      readonly version: string;
      readonly message: string;
    }
  | { readonly kind: 'warmDeadline'; readonly endpointNames: readonly string[] }
  /** All of the snapshot with this version is acknowledged. */
  | { readonly kind: 'synced'; readonly version: string }
  | { readonly kind: 'disconnect'; readonly message: string }
);

/**
 * The server side of ADS, state of the world and delta. It knows resources and their order, not what they mean.
 * The control plane gives each client a snapshot when it connects and another (`push`) whenever it changes; pushing an
 * equal one costs nothing, pushing faster than a client takes it skips to the newest.
 */
export class AdsServer {
  readonly #options: AdsServerOptions;
  readonly #streams = new Map<
    number,
    { readonly connection: AdsConnection; readonly stream: AdsStream; readonly call: GrpcStream }
  >();
  readonly #bodies = { sotw: new ResponseBodies('sotw'), delta: new ResponseBodies('delta') };
  readonly #admission: Admission;
  #lastId = 0;

  constructor(options: AdsServerOptions) {
    this.#options = options;
    this.#admission = new Admission({
      clock: options.clock,
      places: options.admitAtOnce ?? DEFAULT_ADMIT_AT_ONCE,
      holdMs: ADMISSION_HOLD_MS,
    });
  }

  /** Clients that came and have not been listened to yet. */
  get waiting(): number {
    return this.#admission.waiting;
  }

  get connections(): AdsConnection[] {
    return [...this.#streams.values()].map((s) => s.connection);
  }

  /** For `serveGrpc`. `peerOf` reads the peer off the connection. */
  routes(peerOf: (context: GrpcContext) => AdsPeer): ReadonlyMap<string, GrpcHandler> {
    return new Map<string, GrpcHandler>([
      [methods.streamAggregatedResources, (call, context) => this.accept('sotw', call, peerOf(context))],
      [methods.deltaAggregatedResources, (call, context) => this.accept('delta', call, peerOf(context))],
    ]);
  }

  /** Does nothing for a connection that has gone. */
  push(connectionId: number, snapshot: Snapshot): void {
    this.#streams.get(connectionId)?.stream.push(snapshot);
  }

  /** How far a client has come, by type; none for a connection that has gone. */
  states(connectionId: number): readonly TypeState[] {
    return this.#streams.get(connectionId)?.stream.states() ?? [];
  }

  /** Ends a client's stream, for instance because its identity may no longer be served. */
  disconnect(connectionId: number, message: string): void {
    this.#streams.get(connectionId)?.call.fail(grpcCodes.unavailable, message);
  }

  /** Ends all streams: clients reconnect, elsewhere or when the server is back. */
  close(): void {
    for (const { call } of [...this.#streams.values()]) call.fail(grpcCodes.unavailable, 'the server is shutting down');
  }

  accept(protocol: Protocol, call: GrpcStream, peer: AdsPeer): void {
    let connection: AdsConnection | undefined;
    let stream: AdsStream | undefined;
    let place: Place | undefined;
    const leave = (): void => place?.leave();
    call.onClose(({ message }) => {
      leave();
      stream?.close();
      if (!connection || !this.#streams.delete(connection.id)) return;
      this.#options.onEvent?.({ kind: 'disconnect', connection, message });
    });
    call.onDrain(() => stream?.drained());
    const listen = (): void => {
      call.onEnd(() => call.end());
      call.onMessage((bytes) => {
        const request = parse(protocol, bytes, call);
        if (!request) return;
        if (!stream) {
          if (!request.node)
            return call.fail(grpcCodes.invalidArgument, 'the first request of a stream must have a node');
          connection = { id: ++this.#lastId, node: request.node, peer, protocol };
          const answer = this.#options.connect(connection);
          if ('refuse' in answer) return call.fail(grpcCodes.permissionDenied, answer.refuse);
          stream = this.#open(connection, call, answer.snapshot, leave);
        }
        const refusal = stream.request(request);
        if (refusal) call.fail(grpcCodes.resourceExhausted, refusal);
      });
    };
    // Until then it is not listened to: flow control holds it back.
    place = this.#admission.enter(listen);
  }

  #open(connection: AdsConnection, call: GrpcStream, snapshot: Snapshot, onSynced: () => void): AdsStream {
    const emit = this.#options.onEvent ?? (() => {});
    const stream = new AdsStream({
      protocol: connection.protocol,
      clock: this.#options.clock,
      warmDeadlineMs: this.#options.warmDeadlineMs ?? DEFAULT_WARM_DEADLINE_MS,
      maxResponseBytes: this.#options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
      snapshot,
      bodies: this.#bodies[connection.protocol],
      write: (parts) => call.write(parts),
      events: {
        acked: (typeUrl) => emit({ kind: 'ack', connection, typeUrl }),
        rejected: (typeUrl, message) => emit({ kind: 'rejected', connection, typeUrl, message }),
        setAside: (typeUrl, resourceName, version, message) =>
          emit({ kind: 'nack', connection, typeUrl, resourceName, version, message }),
        warmDeadline: (endpointNames) => emit({ kind: 'warmDeadline', connection, endpointNames }),
        synced: (version) => {
          onSynced();
          emit({ kind: 'synced', connection, version });
        },
      },
    });
    this.#streams.set(connection.id, { connection, stream, call });
    return stream;
  }
}

type Place = ReturnType<Admission['enter']>;

const DEFAULT_ADMIT_AT_ONCE = 16;
const ADMISSION_HOLD_MS = 1000;
const DEFAULT_WARM_DEADLINE_MS = 5000;
const DEFAULT_MAX_RESPONSE_BYTES = 128 * 1024;

const parse = (protocol: Protocol, bytes: Uint8Array, call: GrpcStream) => {
  try {
    return parseRequest(protocol, bytes);
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    call.fail(grpcCodes.invalidArgument, error.message);
    return undefined;
  }
};
