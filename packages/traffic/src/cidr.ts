/**
 * IPv4 and IPv6 ranges. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`, as a dual-stack socket reports an IPv4 peer) is
 * the IPv4 address it carries, or a policy on 10.0.0.0/8 would miss it.
 */
export class CidrRange {
  readonly text: string;
  /** In bits of an IPv6 address, so that of two that contain an address the longer is the more specific. */
  get specificity(): number {
    return this.#prefixLength;
  }
  readonly #words: Uint16Array;
  readonly #prefixLength: number;

  private constructor(text: string, words: Uint16Array, prefixLength: number) {
    this.text = text;
    this.#words = words;
    this.#prefixLength = prefixLength;
  }

  /** `prefixLength` counts bits of the address as written. Null: not an address, or a length out of its range. */
  static parse(address: string, prefixLength: number): CidrRange | null {
    const words = new Uint16Array(8);
    const family = parseAddress(address, words);
    const bits = family === 4 && !address.includes(':') ? 32 : 128;
    if (family === 0 || !Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits) return null;
    return new CidrRange(`${address}/${prefixLength}`, words, bits === 32 ? prefixLength + 96 : prefixLength);
  }

  /** False for what is not an address, and across families. */
  contains(address: string): boolean {
    if (parseAddress(address, scratch) === 0) return false;
    // A range of IPv6 that is shorter than the mapped prefix (`::/0`) is about IPv6 only.
    if (this.#prefixLength < 96 && isMapped(scratch) && !isMapped(this.#words)) return false;
    const whole = this.#prefixLength >> 4;
    for (let i = 0; i < whole; i++) if (this.#words[i] !== scratch[i]) return false;
    const rest = this.#prefixLength & 15;
    if (rest === 0) return true;
    const mask = (0xffff << (16 - rest)) & 0xffff;
    return ((this.#words[whole] as number) & mask) === ((scratch[whole] as number) & mask);
  }
}

const scratch = new Uint16Array(8);

const isMapped = (words: Uint16Array): boolean =>
  words[5] === 0xffff &&
  ((words[0] as number) | (words[1] as number) | (words[2] as number) | (words[3] as number) | (words[4] as number)) ===
    0;

/** Writes 8 words, IPv4 as `::ffff:a.b.c.d`. 4, 6, or 0 if the text is no address. Allocates nothing. */
export const parseAddress = (text: string, words: Uint16Array): 0 | 4 | 6 => {
  words.fill(0);
  if (text.indexOf(':') === -1) {
    words[5] = 0xffff;
    return parseIpv4(text, 0, words, 6) ? 4 : 0;
  }
  return parseIpv6(text, words);
};

const parseIpv4 = (text: string, from: number, words: Uint16Array, at: number): boolean => {
  let octet = -1;
  let count = 0;
  for (let i = from; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : 0x2e;
    if (c === 0x2e) {
      if (octet < 0 || count > 3) return false;
      const index = at + (count >> 1);
      words[index] = count & 1 ? (words[index] as number) | octet : octet << 8;
      octet = -1;
      count++;
    } else if (c >= 0x30 && c <= 0x39) {
      // 010 is octal to some and decimal to others.
      if (octet === 0) return false;
      octet = (octet < 0 ? 0 : octet * 10) + c - 0x30;
      if (octet > 255) return false;
    } else {
      return false;
    }
  }
  return count === 4;
};

const parseIpv6 = (text: string, words: Uint16Array): 0 | 4 | 6 => {
  let index = 0;
  let gap = -1;
  let i = 0;
  if (text.charCodeAt(0) === 0x3a) {
    if (text.charCodeAt(1) !== 0x3a) return 0;
    gap = 0;
    i = 2;
  }
  while (i < text.length) {
    if (index > 7) return 0;
    let word = 0;
    let digits = 0;
    const start = i;
    for (; i < text.length && digits < 5; i++, digits++) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      word = word * 16 + digit;
    }
    if (text.charCodeAt(i) === 0x2e && index <= 6) {
      if (!parseIpv4(text, start, words, index)) return 0;
      index += 2;
      break;
    }
    if (digits === 0 || digits > 4) return 0;
    words[index++] = word;
    if (i === text.length) break;
    if (text.charCodeAt(i) !== 0x3a) return 0;
    i++;
    if (text.charCodeAt(i) === 0x3a) {
      if (gap !== -1) return 0;
      gap = index;
      i++;
    } else if (i === text.length) {
      return 0;
    }
  }
  if (gap === -1) return index === 8 ? (isMapped(words) ? 4 : 6) : 0;
  if (index > 7) return 0;
  words.copyWithin(8 - (index - gap), gap, index);
  words.fill(0, gap, 8 - (index - gap));
  return isMapped(words) ? 4 : 6;
};

const hexDigit = (c: number): number => {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  if (c >= 0x61 && c <= 0x66) return c - 0x57;
  if (c >= 0x41 && c <= 0x46) return c - 0x37;
  return -1;
};
