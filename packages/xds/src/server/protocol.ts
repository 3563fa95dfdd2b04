import { typeUrls } from '@weft/xds-api/type-urls';
import type { Node } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { DiscoveryRequest } from '@weft/xds-api/gen/envoy/service/discovery/v3';
import { decodeMessage } from '../codec/decode.ts';
import { readDeltaRequest } from '../codec/delta-request.ts';
import { frameString } from '../codec/frame.ts';

/** The two forms of ADS. Everything else in the server is the same for both. */
export type Protocol = 'sotw' | 'delta';

/** A request of either protocol. */
export interface AdsRequest {
  readonly node: Node | undefined;
  readonly typeUrl: string;
  /** Of the response it answers; empty if it answers none. */
  readonly nonce: string;
  /** Null: an ACK, or no answer at all. */
  readonly error: string | null;
  /** State of the world: all names. Delta: undefined. */
  readonly listed: readonly string[] | undefined;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What a reconnecting delta client holds: versions by name. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

const NONE: readonly string[] = [];
const NO_VERSIONS: ReadonlyMap<string, string> = new Map();

/** Throws `WeftError` malformedXds. */
export const parseRequest = (protocol: Protocol, bytes: Uint8Array): AdsRequest => {
  if (protocol === 'sotw') {
    const r = decodeMessage<DiscoveryRequest>('envoy.service.discovery.v3.DiscoveryRequest', bytes);
    return {
      node: r.node,
      typeUrl: r.typeUrl ?? '',
      nonce: r.responseNonce ?? '',
      error: r.errorDetail ? (r.errorDetail.message ?? '') : null,
      listed: r.resourceNames ?? NONE,
      subscribe: NONE,
      unsubscribe: NONE,
      initialVersions: NO_VERSIONS,
    };
  }
  const { node, error, ...rest } = readDeltaRequest(bytes);
  return {
    ...rest,
    listed: undefined,
    node: node ? decodeMessage<Node>('envoy.config.core.v3.Node', node) : undefined,
    error: error ? (decodeMessage<Status>('google.rpc.Status', error).message ?? '') : null,
  };
};

interface Status {
  readonly message?: string;
}

export interface AdsResponse {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  /** Its resources, as `ResponseBodies` joins them. */
  readonly body: Uint8Array;
  /** Delta only. */
  readonly removed: readonly string[];
}

/** The parts of a response: what is this client's own, then what every client gets. */
export const frameResponse = (protocol: Protocol, response: AdsResponse): Uint8Array[] => {
  const own = [frameString(1, response.version), frameString(4, response.typeUrl), frameString(5, response.nonce)];
  if (protocol === 'delta') for (const name of response.removed) own.push(frameString(6, name));
  return [Buffer.concat(own), response.body];
};

/**
 * A state-of-the-world response of these types must hold every resource: what is missing is deleted. Of other types,
 * what is missing is unchanged.
 */
export const isFullState = (typeUrl: string): boolean => typeUrl === typeUrls.listener || typeUrl === typeUrls.cluster;
