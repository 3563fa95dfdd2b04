import { labelsOfStruct, unknownPeer } from '../headers/peer-metadata.ts';
import { block, decodeStruct, encodeStruct, isStruct, type Struct } from '../headers/struct.ts';
import type { PeerLabels } from '../telemetry.ts';

/**
 * How two sidecars tell each other who they are on a connection of bytes: over TLS, and only where both chose this
 * protocol by ALPN, each sends first
 *
 *     0x3D230467 · length of what follows (both 32 bit, big endian) · google.protobuf.Any of a Struct
 *
 * with `x-envoy-peer-metadata` (a Struct as in HTTP) and `x-envoy-peer-metadata-id`. It is Istio's exchange, so its
 * sidecars understand ours. Who does not know the protocol does not choose it and sees nothing of it.
 * https://istio.io/latest/docs/tasks/observability/metrics/tcp-metrics/#understanding-tcp-telemetry-collection
 */
export const PEER_EXCHANGE = 'istio-peer-exchange';
/** A TLS context with this protocol is one between sidecars. */
const MESH_PROTOCOL = 'istio';

/**
 * The protocols of a TLS context for a connection of bytes. No configuration says it: a cluster or listener may be an
 * Envoy's too, which would choose the exchange and not hold it.
 */
export const withExchange = (alpn: readonly string[]): readonly string[] =>
  alpn.includes(MESH_PROTOCOL) ? [PEER_EXCHANGE, MESH_PROTOCOL] : alpn;

const MAGIC = 0x3d230467;
const PREFIX_BYTES = 8;
const STRUCT_TYPE = 'type.googleapis.com/google.protobuf.Struct';
/** Metadata is labels and names: a few hundred bytes. More than this is not waited for. */
const MAX_BYTES = 64 * 1024;

/** What a proxy sends; constant. */
export const peerGreeting = (nodeId: string, metadata: Struct): Buffer => {
  const value = encodeStruct({ 'x-envoy-peer-metadata': metadata, 'x-envoy-peer-metadata-id': nodeId });
  const any = Buffer.concat([block(0x0a, Buffer.from(STRUCT_TYPE)), block(0x12, value)]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(MAGIC, 0);
  prefix.writeUInt32BE(any.length, 4);
  return Buffer.concat([prefix, any]);
};

/** Takes the other side's greeting off the front of a connection's bytes. */
export class PeerGreetingReader {
  #held: Buffer | null = null;
  #peer: PeerLabels | null = null;

  /** Who it is, once that was read; who says nothing understandable is unknown. */
  get peer(): PeerLabels | null {
    return this.#peer;
  }

  /**
   * Null while more is needed; then what comes behind the greeting, possibly nothing. Bytes that are no greeting are all
   * the connection's own.
   */
  push(buffer: Buffer, start: number, end: number): Buffer | null {
    const part = Buffer.from(buffer.subarray(start, end));
    const bytes = this.#held === null ? part : Buffer.concat([this.#held, part]);
    this.#held = bytes;
    if (bytes.length < 4) return null;
    if (bytes.readUInt32BE(0) !== MAGIC) return this.#over(unknownPeer, bytes);
    if (bytes.length < PREFIX_BYTES) return null;
    const length = bytes.readUInt32BE(4);
    if (length > MAX_BYTES) return this.#over(unknownPeer, bytes);
    const whole = PREFIX_BYTES + length;
    if (bytes.length < whole) return null;
    return this.#over(readPeer(bytes.subarray(PREFIX_BYTES, whole)), bytes.subarray(whole));
  }

  #over(peer: PeerLabels, rest: Buffer): Buffer {
    this.#peer = peer;
    this.#held = null;
    return rest;
  }
}

const readPeer = (any: Buffer): PeerLabels => {
  try {
    const metadata = decodeStruct(valueOfAny(any))['x-envoy-peer-metadata'];
    return isStruct(metadata) ? labelsOfStruct(metadata) : unknownPeer;
  } catch {
    return unknownPeer;
  }
};

/** Fields of an Any: 1 the type, 2 the message. Throws a RangeError where it holds anything else than a Struct. */
const valueOfAny = (any: Buffer): Buffer => {
  const type = field(any, 0, 0x0a);
  if (type.body.toString('latin1') !== STRUCT_TYPE) throw new RangeError('type');
  return field(any, type.end, 0x12).body;
};

const field = (bytes: Buffer, at: number, tag: number): { readonly body: Buffer; readonly end: number } => {
  if (bytes.readUInt8(at) !== tag) throw new RangeError('field');
  let length = 0;
  let pos = at + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(pos++);
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
    if (shift > 14) throw new RangeError('length');
  }
  if (pos + length > bytes.length) throw new RangeError('length');
  return { body: bytes.subarray(pos, pos + length), end: pos + length };
};
