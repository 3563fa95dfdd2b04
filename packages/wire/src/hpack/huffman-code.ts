/**
 * RFC 7541 appendix B: the length in bits of each octet's code, the last being EOS. The codes follow from the lengths: among
 * those of one length they count upwards with the octet, and a longer one goes on where the shorter ones ended.
 */
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];

export const EOS = 256;

export interface HuffmanCode {
  readonly symbol: number;
  readonly bits: number;
  readonly length: number;
}

/** In the order of their codes. */
export const huffmanCodes: readonly HuffmanCode[] = (() => {
  const order = lengths
    .map((length, symbol) => ({ symbol, length }))
    .sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  let code = 0;
  let last = order[0]?.length ?? 0;
  return order.map(({ symbol, length }) => {
    // No shift: a code of 30 bits is near the sign.
    code *= 2 ** (length - last);
    last = length;
    return { symbol, bits: code++, length };
  });
})();
