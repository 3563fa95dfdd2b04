import { createHash } from 'node:crypto';
import { WeftError } from '@weft/base/errors';
import { typeUrls } from '@weft/xds-api/type-urls';
import { encodeMessage } from './codec/encode.ts';
import { frameField } from './codec/frame.ts';
import { typeNameOf } from './codec/table.ts';

/**
 * A resource encoded once. Every client it goes to, by state of the world or delta, is written the same bytes:
 *
 *     delta  12 LEN [ 0a LEN version | 12 LEN Any | 1a LEN name ]    a field `resources` of DeltaDiscoveryResponse
 *     sotw                             12 LEN Any                    a field `resources` of DiscoveryResponse
 *
 * Both messages number that field 2, and so does `Resource.resource`: `sotw` is a part of `delta`.
 */
export interface EncodedResource {
  readonly typeUrl: string;
  readonly name: string;
  /** The first 16 hex digits of the SHA-256 of the Any's bytes: equal content has equal versions, everywhere, for ever. */
  readonly version: string;
  /** The bytes of the `google.protobuf.Any`. */
  readonly bytes: Uint8Array;
  readonly sotw: Uint8Array;
  readonly delta: Uint8Array;
  /** Of a cluster of type EDS, the name of its endpoints; undefined otherwise. */
  readonly endpointsName: string | undefined;
}

const cache = new WeakMap<object, EncodedResource>();

/**
 * Memoised by the identity of `json`, which therefore must never be changed. An object belongs to one type.
 * Throws `WeftError` malformedXds, as `encodeMessage` does, or if the resource has no name.
 */
export const encodeResource = (typeUrl: string, json: object): EncodedResource => {
  const cached = cache.get(json);
  if (cached) return cached;
  const resource = encode(typeUrl, json);
  cache.set(json, resource);
  return resource;
};

interface ResourceJson {
  readonly name?: unknown;
  readonly clusterName?: unknown;
  readonly type?: unknown;
  readonly edsClusterConfig?: { readonly serviceName?: unknown };
}

const encode = (typeUrl: string, json: ResourceJson): EncodedResource => {
  const name = typeUrl === typeUrls.clusterLoadAssignment ? json.clusterName : json.name;
  if (typeof name !== 'string' || name === '')
    throw new WeftError('malformedXds', `a ${typeNameOf(typeUrl)} without a name`);
  const message = encodeMessage(typeNameOf(typeUrl), json);
  const any = Buffer.concat([frameField(1, Buffer.from(typeUrl)), message.length ? frameField(2, message) : EMPTY]);
  const version = createHash('sha256').update(any).digest('hex').slice(0, 16);
  const head = frameField(1, Buffer.from(version));
  const sotw = frameField(2, any);
  const delta = frameField(2, Buffer.concat([head, sotw, frameField(3, Buffer.from(name))]));
  const sotwStart = delta.length - frameField(3, Buffer.from(name)).length - sotw.length;
  const shared = delta.subarray(sotwStart, sotwStart + sotw.length);
  return {
    typeUrl,
    name,
    version,
    bytes: shared.subarray(shared.length - any.length),
    sotw: shared,
    delta,
    endpointsName: typeUrl === typeUrls.cluster && json.type === 'EDS' ? endpointsNameOf(json, name) : undefined,
  };
};

const EMPTY = Buffer.alloc(0);

const endpointsNameOf = (json: ResourceJson, name: string): string => {
  const serviceName = json.edsClusterConfig?.serviceName;
  return typeof serviceName === 'string' && serviceName !== '' ? serviceName : name;
};
