import { decodeMessage } from '../../codec/decode.ts';
import { encodeMessage } from '../../codec/encode.ts';
import type { GrpcStatus } from '../../grpc/status.ts';
import type { GrpcStream } from '../../grpc/stream.ts';
import { type AdsEvent, AdsServer } from '../ads-server.ts';
import type { Protocol } from '../protocol.ts';
import { typeUrls } from '@weft/xds-api/type-urls';
import { FakeClock } from '@weft/testkit/fake-clock';
import { makeSnapshot, type Snapshot } from '../../snapshot.ts';

/** A response as a test wants to compare it: the type's last word, resource names with a mark of content, removals. */
export interface Received {
  readonly type: string;
  readonly resources: readonly string[];
  readonly removed: readonly string[];
  readonly nonce: string;
  readonly version: string;
}

interface RawResponse {
  typeUrl: string;
  nonce: string;
  versionInfo?: string;
  systemVersionInfo?: string;
  resources?: ({
    name?: string;
    clusterName?: string;
    altStatName?: string;
    resource?: { '@type'?: string; name?: string; altStatName?: string; statPrefix?: string };
  } & Record<string, unknown>)[];
  removedResources?: string[];
}

/** A client at the other end of an in-memory stream, that says and answers only what a test tells it to. */
export class ScriptedClient {
  readonly #protocol: Protocol;
  readonly #received: Received[] = [];
  #toServer: ((message: Uint8Array) => void) | undefined;
  #onClose: ((status: GrpcStatus) => void) | undefined;
  #onDrain: (() => void) | undefined;
  #first = true;
  /** While true, the connection says that it takes no more; `read` makes it take more. */
  full = false;
  /** The status the server ended the stream with. */
  status: GrpcStatus | undefined;

  constructor(server: AdsServer, protocol: Protocol, principal = 'spiffe://mesh/ns/a/sa/b') {
    this.#protocol = protocol;
    const close = (status: GrpcStatus): void => {
      if (this.status) return;
      this.status = status;
      this.#onClose?.(status);
    };
    const stream: GrpcStream = {
      onMessage: (handler) => {
        this.#toServer = handler;
      },
      onEnd: () => {},
      onDrain: (handler) => {
        this.#onDrain = handler;
      },
      onClose: (handler) => {
        this.#onClose = handler;
      },
      write: (message) => {
        const parts = message instanceof Uint8Array ? [message] : message;
        this.#received.push(this.#read(Buffer.concat(parts)));
        return !this.full;
      },
      end: () => close({ code: 0, message: '' }),
      fail: (code, text) => close({ code, message: text }),
    };
    server.accept(protocol, stream, { principal });
  }

  /** The connection takes more again. */
  read(): void {
    this.full = false;
    this.#onDrain?.();
  }

  /** Whether the server listens to it. */
  get admitted(): boolean {
    return this.#toServer !== undefined;
  }

  /** What came since the last call, as `type: names`, with `-name` for a removal. */
  take(): string[] {
    return this.takeResponses().map((r) =>
      `${r.type}: ${[...r.resources, ...r.removed.map((n) => `-${n}`)].join(' ')}`.trimEnd(),
    );
  }

  takeResponses(): Received[] {
    return this.#received.splice(0);
  }

  send(type: keyof typeof typeUrls, request: object = {}): void {
    const name = this.#protocol === 'sotw' ? 'DiscoveryRequest' : 'DeltaDiscoveryRequest';
    const node = this.#first ? { node: { id: 'n' } } : {};
    this.#first = false;
    this.#toServer?.(
      encodeMessage(`envoy.service.discovery.v3.${name}`, { typeUrl: typeUrls[type], ...node, ...request }),
    );
  }

  sendBytes(bytes: Uint8Array): void {
    this.#toServer?.(bytes);
  }

  ack(response: Received, request: object = {}): void {
    const version = this.#protocol === 'sotw' ? { versionInfo: response.version } : {};
    this.send(response.type as keyof typeof typeUrls, { ...version, responseNonce: response.nonce, ...request });
  }

  nack(response: Received, message: string, request: object = {}): void {
    this.send(response.type as keyof typeof typeUrls, {
      responseNonce: response.nonce,
      errorDetail: { code: 3, message },
      ...request,
    });
  }

  /** Takes and ACKs until nothing more comes; for the parts of a story a test does not care about. */
  ackAll(request: (type: string) => object = () => ({})): string[] {
    const story: string[] = [];
    for (let responses = this.takeResponses(); responses.length > 0; responses = this.takeResponses()) {
      for (const r of responses) {
        story.push(`${r.type}: ${[...r.resources, ...r.removed.map((n) => `-${n}`)].join(' ')}`.trimEnd());
        this.ack(r, request(r.type));
      }
    }
    return story;
  }

  disconnect(): void {
    this.status ??= { code: 1, message: 'gone' };
    this.#onClose?.(this.status);
  }

  #read(bytes: Buffer): Received {
    const sotw = this.#protocol === 'sotw';
    const name = sotw ? 'DiscoveryResponse' : 'DeltaDiscoveryResponse';
    const raw = decodeMessage<RawResponse>(`envoy.service.discovery.v3.${name}`, bytes);
    const type = Object.entries(typeUrls).find(([, url]) => url === raw.typeUrl)?.[0] ?? raw.typeUrl;
    const label = (r: NonNullable<RawResponse['resources']>[number]): string => {
      const content: NonNullable<typeof r.resource> = sotw ? r : (r.resource ?? {});
      const host = content['@type'] === typeUrls.virtualHost ? content.name : undefined;
      const mark = content.altStatName ?? content.statPrefix ?? host;
      return `${r.name ?? r.clusterName}${mark ? `=${mark}` : ''}`;
    };
    return {
      type,
      resources: (raw.resources ?? []).map(label),
      removed: raw.removedResources ?? [],
      nonce: raw.nonce,
      version: raw.versionInfo ?? raw.systemVersionInfo ?? '',
    };
  }
}

export interface MeshShape {
  /** Names, or `name=mark` where the content matters. All are EDS, with endpoints of the same name. */
  readonly clusters?: readonly string[];
  readonly endpoints?: readonly string[];
  readonly listeners?: readonly string[];
  readonly routes?: readonly string[];
  /** `TABLE/HOST=mark` */
  readonly virtualHosts?: readonly string[];
}

const split = (spec: string): [string, string | undefined] => spec.split('=') as [string, string | undefined];

/** A snapshot in shorthand; endpoints default to one assignment per cluster. */
export const snapshotOf = (shape: MeshShape): Snapshot => {
  const clusters = shape.clusters ?? [];
  const endpoints = shape.endpoints ?? clusters.map((c) => split(c)[0]);
  return makeSnapshot({
    [typeUrls.cluster]: clusters.map((spec) => {
      const [name, mark] = split(spec);
      return { name, type: 'EDS', ...(mark && { altStatName: mark }) };
    }),
    [typeUrls.clusterLoadAssignment]: endpoints.map((clusterName) => ({ clusterName })),
    [typeUrls.listener]: (shape.listeners ?? []).map((spec) => {
      const [name, mark] = split(spec);
      return { name, ...(mark && { statPrefix: mark }) };
    }),
    [typeUrls.routeConfiguration]: (shape.routes ?? []).map((spec) => {
      const [name, mark] = split(spec);
      return { name, ...(mark && { virtualHosts: [{ name: mark, domains: ['*'] }] }) };
    }),
    [typeUrls.virtualHost]: (shape.virtualHosts ?? []).map((spec) => {
      const [name, mark = ''] = split(spec);
      return { name, virtualHost: { name: mark } };
    }),
  });
};

/** A server on fake time whose clients all see one snapshot. */
export class TestServer {
  readonly clock = new FakeClock();
  readonly events: AdsEvent[] = [];
  readonly ads: AdsServer;
  snapshot: Snapshot;

  constructor(shape: MeshShape, maxResponseBytes?: number, admitAtOnce?: number) {
    this.snapshot = snapshotOf(shape);
    this.ads = new AdsServer({
      clock: this.clock,
      connect: () => ({ snapshot: this.snapshot }),
      onEvent: (event) => this.events.push(event),
      warmDeadlineMs: 1000,
      ...(maxResponseBytes !== undefined && { maxResponseBytes }),
      ...(admitAtOnce !== undefined && { admitAtOnce }),
    });
  }

  push(shape: MeshShape): void {
    this.snapshot = snapshotOf(shape);
    for (const { id } of this.ads.connections) this.ads.push(id, this.snapshot);
  }

  get version(): string {
    return this.snapshot.version;
  }

  /** `nack cluster b: why` */
  nacks(): string[] {
    return this.events
      .filter((e) => e.kind === 'nack')
      .map((e) => `${e.typeUrl.split('.').at(-1)} ${e.resourceName}: ${e.message}`);
  }

  get synced(): boolean {
    return this.events.some((e) => e.kind === 'synced' && e.version === this.version);
  }
}
