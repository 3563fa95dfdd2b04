import { hash } from 'node:crypto';
import { WeftError } from '@weft/base/errors';
import { typeUrls } from '@weft/xds-api/type-urls';
import { encodeMessage } from './codec/encode.ts';
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
  /** The first 16 hex digits of a SHA-256 of name and bytes: equal content has equal versions, everywhere, for ever. */
  readonly version: string;
  /** The same digits as two unsigned numbers of 32 bits, for the sums that snapshots are known by. */
  readonly high: number;
  readonly low: number;
  /** The bytes of the `google.protobuf.Any`. */
  readonly bytes: Uint8Array;
  readonly sotw: Uint8Array;
  readonly delta: Uint8Array;
  /** Of a cluster of type EDS, the name of its endpoints; undefined otherwise. */
  readonly endpointsName: string | undefined;
}

/** A virtual host as a resource: its name, `TABLE/HOST`, is not in its message. */
export interface NamedVirtualHost {
  readonly name: string;
  readonly virtualHost: object;
}

const cache = new WeakMap<object, EncodedResource>();

/**
 * Memoised by the identity of `json`, which therefore must never be changed. An object belongs to one type. A virtual
 * host comes as `NamedVirtualHost`. Throws `WeftError` malformedXds, as `encodeMessage` does, or if the resource has no
 * name.
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
  readonly virtualHost?: unknown;
}

const VERSION_LENGTH = 16;

const encode = (typeUrl: string, json: ResourceJson): EncodedResource => {
  const name = typeUrl === typeUrls.clusterLoadAssignment ? json.clusterName : json.name;
  if (typeof name !== 'string' || name === '')
    throw new WeftError('malformedXds', `a ${typeNameOf(typeUrl)} without a name`);
  const named = typeUrl === typeUrls.virtualHost;
  const message = encodeMessage(typeNameOf(typeUrl), named ? json.virtualHost : json);
  const typeLength = Buffer.byteLength(typeUrl);
  const nameLength = Buffer.byteLength(name);
  const anyLength = fieldLength(typeLength) + (message.length > 0 ? fieldLength(message.length) : 0);
  const inner = fieldLength(VERSION_LENGTH) + fieldLength(anyLength) + fieldLength(nameLength);
  const delta = Buffer.allocUnsafeSlow(fieldLength(inner));
  const versionAt = writeHead(delta, 0, 2, inner) + 2;
  const sotwAt = versionAt + VERSION_LENGTH;
  const anyAt = writeHead(delta, sotwAt, 2, anyLength);
  let at = writeHead(delta, anyAt, 1, typeLength);
  at += delta.write(typeUrl, at);
  if (message.length > 0) {
    at = writeHead(delta, at, 2, message.length);
    delta.set(message, at);
    at += message.length;
  }
  const any = delta.subarray(anyAt, at);
  const sotw = delta.subarray(sotwAt, at);
  at = writeHead(delta, at, 3, nameLength);
  delta.write(name, at);
  // The name of a virtual host is not in its message, and two tables may have hosts that say the same.
  const version = hash('sha256', named ? delta.subarray(sotwAt) : any, 'hex').slice(0, VERSION_LENGTH);
  writeHead(delta, versionAt - 2, 1, VERSION_LENGTH);
  delta.write(version, versionAt, 'latin1');
  return {
    typeUrl,
    name,
    version,
    high: Number.parseInt(version.slice(0, 8), 16),
    low: Number.parseInt(version.slice(8), 16),
    bytes: any,
    sotw,
    delta,
    endpointsName: typeUrl === typeUrls.cluster && json.type === 'EDS' ? endpointsNameOf(json, name) : undefined,
  };
};

/** Of a length-delimited field with a number below 16. */
const fieldLength = (length: number): number => 1 + varintLength(length) + length;

const varintLength = (value: number): number => {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) length++;
  return length;
};

/** Tag and length of such a field; answers where its content goes. */
const writeHead = (into: Buffer, at: number, number: number, length: number): number => {
  into[at] = (number << 3) | 2;
  let next = at + 1;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) into[next++] = (rest & 0x7f) | 0x80;
  into[next++] = rest;
  return next;
};

const endpointsNameOf = (json: ResourceJson, name: string): string => {
  const serviceName = json.edsClusterConfig?.serviceName;
  return typeof serviceName === 'string' && serviceName !== '' ? serviceName : name;
};
