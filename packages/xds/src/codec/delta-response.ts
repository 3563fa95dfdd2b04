import { WeftError } from '@weft/base/errors';
import { WireReader } from './reader.ts';
import { WIRE } from './table.ts';

/** A resource as it came: `bytes` are the message's, inside its Any, and a view of the response. */
export interface RawResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
}

export interface RawDeltaResponse {
  readonly version: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly RawResource[];
  readonly removed: readonly string[];
  /** Why the resources cannot be taken (of another type, without a name); null if they can. */
  readonly problem: string | null;
}

/**
 * The outside of a DeltaDiscoveryResponse, without looking into the resources. Malformed bytes throw `WeftError`
 * malformedXds: then not even the nonce is to be trusted, and the stream must end.
 */
export const readDeltaResponse = (bytes: Uint8Array): RawDeltaResponse => {
  const reader = new WireReader(bytes);
  const resources: ReadResource[] = [];
  const removed: string[] = [];
  let version = '';
  let typeUrl = '';
  let nonce = '';
  while (!reader.done) {
    const tag = reader.tag();
    const number = (tag & 7) === WIRE.bytes ? tag >>> 3 : 0;
    if (number === 1) version = reader.string();
    else if (number === 2) resources.push(readResource(reader.bytes()));
    else if (number === 4) typeUrl = reader.string();
    else if (number === 5) nonce = reader.string();
    else if (number === 6) removed.push(reader.string());
    else reader.skip(tag);
  }
  return { version, typeUrl, nonce, resources, removed, problem: problemOf(resources, typeUrl) };
};

interface ReadResource extends RawResource {
  readonly typeUrl: string;
}

const readResource = (bytes: Uint8Array): ReadResource => {
  const reader = new WireReader(bytes);
  let name = '';
  let version = '';
  let any: { typeUrl: string; value: Uint8Array } = { typeUrl: '', value: EMPTY };
  while (!reader.done) {
    const tag = reader.tag();
    const number = (tag & 7) === WIRE.bytes ? tag >>> 3 : 0;
    if (number === 1) version = reader.string();
    else if (number === 2) any = readAny(reader.bytes());
    else if (number === 3) name = reader.string();
    else reader.skip(tag);
  }
  return { name, version, bytes: any.value, typeUrl: any.typeUrl };
};

const EMPTY = new Uint8Array(0);

/** The type URL and the bytes of a `google.protobuf.Any`. */
export const readAny = (bytes: Uint8Array): { typeUrl: string; value: Uint8Array } => {
  const reader = new WireReader(bytes);
  let typeUrl = '';
  let value: Uint8Array = EMPTY;
  while (!reader.done) {
    const tag = reader.tag();
    const number = (tag & 7) === WIRE.bytes ? tag >>> 3 : 0;
    if (number === 1) typeUrl = reader.string();
    else if (number === 2) value = reader.bytes();
    else reader.skip(tag);
  }
  return { typeUrl, value };
};

const problemOf = (resources: readonly ReadResource[], typeUrl: string): string | null => {
  for (const resource of resources) {
    if (resource.name === '') return 'a resource has no name';
    if (resource.typeUrl !== typeUrl) return `${resource.name} is a ${resource.typeUrl || 'nothing'}, not a ${typeUrl}`;
  }
  return null;
};

/** For callers that must not die of a bad peer: null instead of an error. */
export const tryReadDeltaResponse = (bytes: Uint8Array): RawDeltaResponse | null => {
  try {
    return readDeltaResponse(bytes);
  } catch (error) {
    if (error instanceof WeftError) return null;
    throw error;
  }
};
