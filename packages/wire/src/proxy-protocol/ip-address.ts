/** The bytes of an address as text: 4 or 16 (RFC 4291 section 2.2), without a zone; null for anything else. */
export const parseIp = (text: string): readonly number[] | null =>
  text.includes(':') ? parseIpv6(text) : parseIpv4(text);

const parseIpv4 = (text: string): readonly number[] | null => {
  const octets = text.split('.');
  // 010 is octal to some and decimal to others.
  const all = octets.length === 4 && octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255);
  return all ? octets.map(Number) : null;
};

const parseIpv6 = (text: string): readonly number[] | null => {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return null;
  const before = words(head, tail === undefined);
  const after = tail === undefined ? [] : words(tail, true);
  if (before === null || after === null) return null;
  const missing = 16 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return [...before, ...new Array<number>(missing).fill(0), ...after];
};

/** `last`: these end the address, so an IPv4 address may be their last part. */
const words = (text: string, last: boolean): number[] | null => {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      const word = Number.parseInt(part, 16);
      bytes.push(word >> 8, word & 255);
      continue;
    }
    const four = last && i === parts.length - 1 ? parseIpv4(part) : null;
    if (four === null) return null;
    bytes.push(...four);
  }
  return bytes;
};
