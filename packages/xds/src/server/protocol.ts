import { typeUrls } from '@weft/xds-api/type-urls';
import type { Node } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '@weft/xds-api/gen/envoy/service/discovery/v3';
import { decodeMessage } from '../codec/decode.ts';
import { frameString } from '../codec/frame.ts';
import type { EncodedResource } from '../resource.ts';

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
  readonly initialVersions: Readonly<Record<string, string>>;
}

const NONE: readonly string[] = [];

/** Throws `WeftError` malformedXds. */
export const parseRequest = (protocol: Protocol, bytes: Uint8Array): AdsRequest => {
  if (protocol === 'sotw') {
    const r = decodeMessage<DiscoveryRequest>('envoy.service.discovery.v3.DiscoveryRequest', bytes);
    return {
      ...answerOf(r),
      listed: r.resourceNames ?? NONE,
      subscribe: NONE,
      unsubscribe: NONE,
      initialVersions: {},
    };
  }
  const r = decodeMessage<DeltaDiscoveryRequest>('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes);
  return {
    ...answerOf(r),
    listed: undefined,
    subscribe: r.resourceNamesSubscribe ?? NONE,
    unsubscribe: r.resourceNamesUnsubscribe ?? NONE,
    initialVersions: r.initialResourceVersions ?? {},
  };
};

const answerOf = (r: DiscoveryRequest | DeltaDiscoveryRequest) => ({
  node: r.node,
  typeUrl: r.typeUrl ?? '',
  nonce: r.responseNonce ?? '',
  error: r.errorDetail ? (r.errorDetail.message ?? '') : null,
});

export interface AdsResponse {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly Partial<Pick<EncodedResource, 'sotw' | 'delta'>>[];
  /** Delta only. */
  readonly removed: readonly string[];
}

/** The parts of a response; the resources' bytes are those every client gets. */
export const frameResponse = (protocol: Protocol, response: AdsResponse): Uint8Array[] => {
  const parts: Uint8Array[] = [frameString(1, response.version)];
  for (const resource of response.resources) {
    const bytes = protocol === 'sotw' ? resource.sotw : resource.delta;
    if (bytes) parts.push(bytes);
  }
  parts.push(frameString(4, response.typeUrl), frameString(5, response.nonce));
  if (protocol === 'delta') for (const name of response.removed) parts.push(frameString(6, name));
  return parts;
};

/**
 * A state-of-the-world response of these types must hold every resource: what is missing is deleted. Of other types,
 * what is missing is unchanged.
 */
export const isFullState = (typeUrl: string): boolean => typeUrl === typeUrls.listener || typeUrl === typeUrls.cluster;
