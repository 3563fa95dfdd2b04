// Clients that subscribe as sidecars do, in a process of their own, as cheap as can be: they read the outside of each
// response, keep versions and acknowledge. They tell their parent what came since they were last asked.
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { readDeltaResponse } from '@weft/xds/codec/delta-response';
import { encodeMessage } from '@weft/xds/codec';
import { openStream } from '@weft/xds/grpc/client';
import type { GrpcStream } from '@weft/xds/grpc/stream';
import { methods, typeUrls } from '@weft/xds-api/type-urls';
import type { Certificate, Certificates } from './certificates.ts';
import { machineMs } from './proc.ts';
import { type ClientPod, nodeIdOf } from './scene.ts';

interface Setup {
  readonly certificates: Certificates;
  readonly pods: readonly ClientPod[];
}

/** What came to all clients since the last report. */
export interface Seen {
  readonly connected: number;
  readonly messages: number;
  readonly bytes: number;
  /** Clients that were sent anything. */
  readonly told: number;
  readonly lastMs: number;
  /** Held by all clients together, by the short name of the type. */
  readonly held: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

const { certificates, pods } = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Setup;

let [messages, bytes, lastMs] = [0, 0, 0];
const told = new Set<Client>();
const failures: string[] = [];

/** A thousand clients hold the same names: one copy of each. */
const texts = new Map<string, string>();
const shared = (text: string): string => {
  const known = texts.get(text);
  if (known === undefined) texts.set(text, text);
  return known ?? text;
};

const short = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);

class Client {
  readonly #pod: ClientPod;
  readonly #certificate: Certificate;
  readonly versions = new Map<string, Map<string, string>>();
  readonly #asked = new Set<string>();
  #session: ClientHttp2Session | undefined;
  #stream: GrpcStream | undefined;
  #vhds = false;
  connected = false;
  #closing = false;

  constructor(pod: ClientPod, certificate: Certificate) {
    this.#pod = pod;
    this.#certificate = certificate;
  }

  connect(port: number, vhds: boolean): void {
    const { key, chain } = this.#certificate;
    const session = connect(`https://127.0.0.1:${port}`, {
      key,
      cert: chain,
      ca: certificates.root,
      servername: 'istiod.istio-system.svc',
      settings: { initialWindowSize: 1 << 22 },
    });
    this.#session = session;
    this.#vhds = vhds;
    this.#closing = false;
    session.on('error', (error) => failures.push(error.message));
    session.on('connect', () => session.setLocalWindowSize(1 << 24));
    const stream = openStream(session, methods.deltaAggregatedResources, { maxMessageBytes: 1 << 28 });
    this.#stream = stream;
    this.#asked.clear();
    stream.onMessage((message) => this.#receive(message));
    stream.onClose(({ code, message }) => {
      if (!this.#closing) failures.push(`${this.#pod.name}: ${code} ${message}`);
      this.connected = false;
    });
    this.#subscribe(typeUrls.cluster, undefined, {
      node: {
        id: nodeIdOf(this.#pod),
        metadata: { WEFT_DATA_PLANE: 'weft', WEFT_VHDS: vhds },
      },
    });
    this.#subscribe(typeUrls.listener);
    if (this.versions.size > 0) {
      this.#subscribe(typeUrls.clusterLoadAssignment, this.#endpointNames());
      this.#subscribe(typeUrls.routeConfiguration, ['http_proxy']);
      if (vhds) this.#subscribe(typeUrls.virtualHost);
    }
  }

  close(): void {
    this.connected = false;
    this.#closing = true;
    this.#session?.destroy();
  }

  held(typeUrl: string): Map<string, string> {
    let held = this.versions.get(typeUrl);
    if (!held) this.versions.set(typeUrl, (held = new Map()));
    return held;
  }

  #endpointNames(): string[] {
    return [...this.held(typeUrls.cluster).keys()].filter((name) => name.startsWith('outbound|'));
  }

  #subscribe(typeUrl: string, names?: readonly string[], more: object = {}): void {
    this.#asked.add(typeUrl);
    this.#send({
      typeUrl,
      ...(names && { resourceNamesSubscribe: names }),
      initialResourceVersions: Object.fromEntries(this.held(typeUrl)),
      ...more,
    });
  }

  #send(request: object): void {
    this.#stream?.write(encodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', request));
  }

  #receive(message: Uint8Array): void {
    this.connected = true;
    messages++;
    bytes += message.length;
    lastMs = machineMs();
    told.add(this);
    const { typeUrl, nonce, resources, removed } = readDeltaResponse(message);
    const held = this.held(typeUrl);
    const fresh: string[] = [];
    for (const { name, version } of resources) {
      const known = shared(name);
      if (!held.has(known)) fresh.push(known);
      held.set(known, shared(version));
    }
    for (const name of removed) held.delete(name);
    this.#send({ typeUrl, responseNonce: nonce });
    if (typeUrl === typeUrls.cluster) this.#follow(fresh.filter((name) => name.startsWith('outbound|')));
    if (typeUrl === typeUrls.listener && !this.#asked.has(typeUrls.routeConfiguration))
      this.#subscribe(typeUrls.routeConfiguration, ['http_proxy']);
    if (typeUrl === typeUrls.routeConfiguration && this.#vhds && !this.#asked.has(typeUrls.virtualHost))
      this.#subscribe(typeUrls.virtualHost);
  }

  #follow(clusters: readonly string[]): void {
    if (clusters.length === 0) return;
    if (!this.#asked.has(typeUrls.clusterLoadAssignment)) this.#subscribe(typeUrls.clusterLoadAssignment, clusters);
    else this.#send({ typeUrl: typeUrls.clusterLoadAssignment, resourceNamesSubscribe: clusters });
  }
}

const clients = pods.map((pod, i) => new Client(pod, certificates.clients[i] as Certificate));

const report = (): Seen => {
  const held: Record<string, number> = {};
  for (const client of clients)
    for (const [typeUrl, versions] of client.versions)
      held[short(typeUrl)] = (held[short(typeUrl)] ?? 0) + versions.size;
  const seen = {
    connected: clients.filter((c) => c.connected).length,
    messages,
    bytes,
    told: told.size,
    lastMs,
    held,
    failures: failures.splice(0),
  };
  [messages, bytes] = [0, 0];
  told.clear();
  return seen;
};

type Order =
  | { readonly kind: 'connect'; readonly port: number; readonly vhds: boolean }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'forget' }
  | { readonly kind: 'last' }
  | { readonly kind: 'report' };

process.on('message', (order: Order) => {
  if (order.kind === 'connect') for (const client of clients) client.connect(order.port, order.vhds);
  else if (order.kind === 'disconnect') for (const client of clients) client.close();
  else if (order.kind === 'forget') for (const client of clients) client.versions.clear();
  else if (order.kind === 'last') process.send?.({ messages, connected: clients.filter((c) => c.connected).length });
  else process.send?.(report());
});
process.on('disconnect', () => process.exit());
process.send?.({ kind: 'ready' });
