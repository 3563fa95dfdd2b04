import { EOS, huffmanCodes } from './huffman-code.ts';

/**
 * Huffman decoding by half octets. A state is an inner node of the code's tree; each of the 16 ways on from it is a number, and as
 * no code is shorter than 5 bits, at most one octet comes out of each:
 *
 *     next state (16 bits) │ octet (8) │ EMITS
 */
const EMITS = 1 << 8;
const FAILED = -1;

const { transitions, accepting } = (() => {
  // The tree as pairs of child indices; a leaf is -(symbol + 1).
  const nodes: [number, number][] = [[0, 0]];
  for (const { symbol, bits, length } of huffmanCodes) {
    let node = 0;
    for (let i = length - 1; i >= 0; i--) {
      const bit = (bits >> i) & 1;
      const children = nodes[node] as [number, number];
      if (i === 0) children[bit] = -(symbol + 1);
      else {
        if (children[bit] === 0) {
          children[bit] = nodes.length;
          nodes.push([0, 0]);
        }
        node = children[bit] as number;
      }
    }
  }
  const table = new Int32Array(nodes.length * 16);
  for (let state = 0; state < nodes.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) table[state * 16 + nibble] = walk(nodes, state, nibble);
  }
  // Padding is the start of EOS, all ones, of less than an octet.
  const accept = new Uint8Array(nodes.length);
  for (let node = 0, depth = 0; depth < 8; depth++) {
    accept[node] = 1;
    node = (nodes[node] as [number, number])[1];
  }
  return { transitions: table, accepting: accept };
})();

function walk(nodes: readonly [number, number][], state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let i = 3; i >= 0; i--) {
    const child = (nodes[node] as [number, number])[(nibble >> i) & 1] as number;
    if (child >= 0) node = child;
    else if (child === -(EOS + 1)) return FAILED;
    else {
      emitted = EMITS | (-child - 1);
      node = 0;
    }
  }
  return (node << 16) | emitted;
}

let scratch = Buffer.allocUnsafeSlow(1024);
const SCRATCH_KEPT = 64 * 1024;

/** The string (latin1) that `buffer[start, end)` is the code of, or null if it is of none. */
export const decodeHuffman = (buffer: Buffer, start: number, end: number): string | null => {
  // The shortest code has 5 bits.
  const most = Math.ceil(((end - start) * 8) / 5);
  const out = most <= scratch.length ? scratch : Buffer.allocUnsafeSlow(most);
  if (out !== scratch && most <= SCRATCH_KEPT) scratch = out;
  let length = 0;
  let state = 0;
  for (let i = start; i < end; i++) {
    const octet = buffer[i] as number;
    let step = transitions[(state << 4) | (octet >> 4)] as number;
    if ((step & EMITS) !== 0) out[length++] = step;
    if (step === FAILED) return null;
    step = transitions[((step >> 16) << 4) | (octet & 15)] as number;
    if ((step & EMITS) !== 0) out[length++] = step;
    if (step === FAILED) return null;
    state = step >> 16;
  }
  return accepting[state] === 1 ? out.toString('latin1', 0, length) : null;
};
