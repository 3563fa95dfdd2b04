// A control plane in a temporary folder, and clients of it that say everything by hand.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { createKeyAndCsr, type KeyAndCsr } from '@weft/identity/key-and-csr';
import { mintToken } from '@weft/identity/token';
import { LineLog } from '@weft/telemetry/log';
import { typeUrls, methods } from '@weft/xds-api/type-urls';
import { decodeMessage, encodeMessage } from '@weft/xds/codec';
import { noResources } from '@weft/translate/resource-set';
import { type GrpcStream, openStream, unary } from '@weft/xds/grpc';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../control-plane.ts';
import type { TranslateProxy } from '../serving/proxy-sessions.ts';

export const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: default }\nspec: { ports: [{ name: http, port: 80 }] }\n`;
export const podList = (...names: string[]): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: names.map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-0`,
        namespace: 'default',
        labels: { app: name },
        annotations: { 'weft.dev/workload': name },
      },
      spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'x' }] },
      status: { podIP: '127.9.9.9' },
    })),
  });

/** A cluster for each service: enough to see what travels. */
export const translate: TranslateProxy = (mesh) => ({
  shared: {
    ...noResources,
    clusters: [...mesh.services.values()].map((s) => ({ name: `outbound|80||${s.host}`, type: 'STATIC' })),
  },
  own: noResources,
});

export interface Place {
  readonly directory: string;
  readonly manifests: string;
  readonly state: string;
  /** Writes a whole file at once, as `weft up` and editors do. */
  save(path: string, text: string): void;
}

export const place = (t: TestContext): Place => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-control-plane-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const manifests = join(directory, 'services.yaml');
  writeFileSync(manifests, service('reviews'));
  return {
    directory,
    manifests,
    state: join(directory, 'state'),
    save: (path, text) => {
      writeFileSync(`${path}~`, text);
      renameSync(`${path}~`, path);
    },
  };
};

export interface Running extends ControlPlane {
  readonly said: string[];
}

export const start = async (t: TestContext, at: Place, over: Partial<ControlPlaneOptions> = {}): Promise<Running> => {
  const said: string[] = [];
  const plane = await startControlPlane({
    paths: [at.manifests],
    stateDir: at.state,
    address: '127.0.0.1',
    xdsPort: 0,
    statusPort: 0,
    trustDomain: 'cluster.local',
    certTtlMs: 3_600_000,
    clock: systemClock,
    random: seededRandom(1),
    translate,
    log: new LineLog(systemClock, (line) => said.push(line)),
    report: (text) => said.push(text),
    ...over,
  });
  t.after(() => plane.close());
  return { ...plane, said };
};

export const token = (at: Place, account: string, ttlMs = 60_000): string =>
  mintToken(join(at.state, 'tokens'), {
    namespace: 'default',
    pod: `${account}-0`,
    serviceAccount: account,
    expiresAt: Date.now() + ttlMs,
  });

export const session = (
  t: TestContext,
  at: Place,
  port: number,
  identity?: { key: string; cert: string },
): ClientHttp2Session => {
  const client = connect(`https://127.0.0.1:${port}`, {
    ca: readFileSync(join(at.state, 'ca/root.crt')),
    servername: 'istiod.istio-system.svc',
    ...identity,
  });
  client.on('error', () => {});
  t.after(() => client.destroy());
  return client;
};

export const createCertificate = async (
  client: ClientHttp2Session,
  csr: KeyAndCsr,
  bearer?: string,
): Promise<{ key: string; cert: string }> => {
  const request = encodeMessage('istio.v1.auth.IstioCertificateRequest', { csr: csr.csrPem });
  const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  const answer = await unary(client, methods.createCertificate, request, {
    clock: systemClock,
    timeoutMs: 5000,
    headers,
  });
  const { certChain } = decodeMessage<{ certChain: string[] }>('istio.v1.auth.IstioCertificateResponse', answer);
  return { key: csr.privateKeyPem, cert: certChain[0] as string };
};

export const obtain = (
  t: TestContext,
  at: Place,
  port: number,
  account: string,
): Promise<{ key: string; cert: string }> =>
  createCertificate(
    session(t, at, port),
    createKeyAndCsr(`spiffe://cluster.local/ns/default/sa/${account}`),
    token(at, account),
  );

export interface Response {
  readonly resources?: { readonly name: string; readonly version: string }[];
  readonly removedResources?: string[];
  readonly nonce: string;
  readonly typeUrl: string;
}

/** A delta client, for clusters unless it says otherwise, that acknowledges by hand. */
export class Client {
  readonly #stream: GrpcStream;
  readonly #waiting: ((message: Response) => void)[] = [];
  readonly #arrived: Response[] = [];
  readonly closed: Promise<{ code: number; message: string }>;

  constructor(
    http2: ClientHttp2Session,
    pod: string,
    initial: Record<string, string> = {},
    metadata: Record<string, unknown> = {},
  ) {
    this.#stream = openStream(http2, methods.deltaAggregatedResources);
    this.#stream.onMessage((bytes) => {
      const message = decodeMessage<Response>('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#arrived.push(message);
    });
    this.closed = new Promise((resolve) => this.#stream.onClose(resolve));
    this.send({
      node: { id: `sidecar~127.9.9.9~${pod}.default~default.svc.cluster.local`, metadata },
      initialResourceVersions: initial,
    });
  }

  get quiet(): boolean {
    return this.#arrived.length === 0;
  }

  send(fields: object): void {
    this.#stream.write(
      encodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', { typeUrl: typeUrls.cluster, ...fields }),
    );
  }

  sendBytes(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  next(): Promise<Response> {
    const arrived = this.#arrived.shift();
    return arrived ? Promise.resolve(arrived) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async acknowledge(): Promise<Response> {
    const response = await this.next();
    this.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
    return response;
  }
}

export const page = async (
  port: number,
  path: string,
  host = '127.0.0.1',
): Promise<{ status: number; text: string }> => {
  const request = get({ host: '127.0.0.1', port, path, headers: { host }, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
};

export const until = async <T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> => {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await systemClock.sleep(5);
  }
};
