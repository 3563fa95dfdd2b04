import { GrpcError, grpcCodes } from './status.ts';

/**
 * Length-prefixed messages of gRPC over HTTP/2: one byte of flags (0: not compressed), four bytes of length, the
 * message. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
const PREFIX = 5;

/**
 * One framed message out of parts that stay as they are; they are copied once, into the frame. `more`: bytes that belong
 * to the message too and that the caller writes after it.
 */
export const frameMessage = (parts: readonly Uint8Array[], more = 0): Buffer => {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(PREFIX + length);
  frame[0] = 0;
  frame.writeUInt32BE(length + more, 1);
  let at = PREFIX;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
};

/** gRPC's own default. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * Cuts a stream of chunks into messages. A message that lies in one chunk is a view of it, others are copied once.
 * A length over the limit is refused before anything is kept of it.
 */
export class MessageAssembler {
  readonly #maxBytes: number;
  readonly #onMessage: (message: Uint8Array) => void;
  readonly #prefix = Buffer.alloc(PREFIX);
  #prefixLength = 0;
  /** Null: waiting for a prefix. */
  #message: Buffer | null = null;
  #filled = 0;

  constructor(maxBytes: number, onMessage: (message: Uint8Array) => void) {
    this.#maxBytes = maxBytes;
    this.#onMessage = onMessage;
  }

  /** True if the stream may end here. */
  get idle(): boolean {
    return this.#message === null && this.#prefixLength === 0;
  }

  /** Throws `GrpcError` for a compressed or too large message; the stream is then unusable. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length || this.#message?.length === 0) {
      if (this.#message === null) {
        const length = this.#takePrefix(chunk, at);
        at += length.taken;
        if (length.message === null) return;
        if (chunk.length - at >= length.message) {
          this.#onMessage(chunk.subarray(at, at + length.message));
          at += length.message;
          continue;
        }
        this.#message = Buffer.allocUnsafeSlow(length.message);
        this.#filled = 0;
      }
      const taken = chunk.copy(this.#message, this.#filled, at);
      at += taken;
      this.#filled += taken;
      if (this.#filled === this.#message.length) {
        const message = this.#message;
        this.#message = null;
        this.#onMessage(message);
      }
    }
  }

  #takePrefix(chunk: Buffer, at: number): { taken: number; message: number | null } {
    const taken = chunk.copy(this.#prefix, this.#prefixLength, at, at + PREFIX - this.#prefixLength);
    this.#prefixLength += taken;
    if (this.#prefixLength < PREFIX) return { taken, message: null };
    this.#prefixLength = 0;
    if (this.#prefix[0] !== 0)
      throw new GrpcError(grpcCodes.unimplemented, 'a message is compressed; only identity is understood');
    const length = this.#prefix.readUInt32BE(1);
    if (length > this.#maxBytes)
      throw new GrpcError(grpcCodes.resourceExhausted, `a message of ${length} bytes; the limit is ${this.#maxBytes}`);
    return { taken, message: length };
  }
}
