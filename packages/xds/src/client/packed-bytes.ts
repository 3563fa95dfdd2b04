import { deflateRawSync, inflateRawSync } from 'node:zlib';

/**
 * Bytes that are seldom read, kept small. Resources that came together are joined and deflated together: they are so
 * alike that a tenth is left. The figure is in docs/decisions/0002-xds-codec.md.
 *
 *     block  [ deflated: resource 1 | resource 2 | … ]      each reader: the block, from, to
 */
export interface Bytes {
  read(): Uint8Array;
}

/** Less is not worth a block of its own to inflate. */
const MIN_BLOCK_BYTES = 8 * 1024;

/** Copies what it is given: the buffers they are views of can go. */
export const packBytes = (parts: readonly Uint8Array[]): Bytes[] => {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  const block = length < MIN_BLOCK_BYTES ? new PlainBlock(joined) : new DeflatedBlock(joined);
  at = 0;
  return parts.map((part) => new Slice(block, at, (at += part.length)));
};

interface Block {
  bytes(): Uint8Array;
}

class PlainBlock implements Block {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }
}

class DeflatedBlock implements Block {
  readonly #deflated: Uint8Array;
  /** Whoever reads one resource of a block reads its neighbours next. */
  #inflated: WeakRef<Uint8Array> | undefined;

  constructor(bytes: Uint8Array) {
    // A copy, as what zlib returns is a view of a larger buffer. Level 1: 1 ms for 128 KB; higher ones gain little.
    this.#deflated = new Uint8Array(deflateRawSync(bytes, { level: 1 }));
  }

  bytes(): Uint8Array {
    let bytes = this.#inflated?.deref();
    if (!bytes) {
      bytes = inflateRawSync(this.#deflated);
      this.#inflated = new WeakRef(bytes);
    }
    return bytes;
  }
}

class Slice implements Bytes {
  readonly #block: Block;
  readonly #from: number;
  readonly #to: number;

  constructor(block: Block, from: number, to: number) {
    this.#block = block;
    this.#from = from;
    this.#to = to;
  }

  read(): Uint8Array {
    return this.#block.bytes().subarray(this.#from, this.#to);
  }
}
