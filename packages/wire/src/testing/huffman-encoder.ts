import { huffmanCodes } from '../hpack/huffman-code.ts';

const bySymbol = new Map(huffmanCodes.map((code) => [code.symbol, code]));

/** For tests: our encoder writes plain strings. `padding` is the bit it is filled up with. */
export const encodeHuffman = (octets: Uint8Array, padding = '1'): Buffer => {
  let bits = '';
  for (const octet of octets) {
    const { bits: value, length } = bySymbol.get(octet) as { bits: number; length: number };
    bits += value.toString(2).padStart(length, '0');
  }
  while (bits.length % 8 !== 0) bits += padding;
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((b) => Number.parseInt(b, 2)));
};
