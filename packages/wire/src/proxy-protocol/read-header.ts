import {
  type Endpoint,
  MAX_BYTES_V1,
  PREFIX_BYTES_V2,
  type ProxyHeader,
  SIGNATURE_V1,
  SIGNATURE_V2,
} from './header.ts';
import { parseIp } from './ip-address.ts';

/** `more`: too few bytes to tell. `none`: these are no such bytes. `bad`: a header that is not allowed. */
export type ReadHeader = 'more' | 'none' | 'bad' | ProxyHeader;

/** Stateless: called again with more bytes until it says something; it never needs more than MAX_HEADER_BYTES. */
export const readProxyHeader = (bytes: Buffer): ReadHeader => {
  if (startsLike(bytes, SIGNATURE_V2)) return bytes.length < SIGNATURE_V2.length ? 'more' : readV2(bytes);
  if (startsLike(bytes, SIGNATURE_V1)) return bytes.length < SIGNATURE_V1.length ? 'more' : readV1(bytes);
  return 'none';
};

const startsLike = (bytes: Buffer, signature: Buffer): boolean => {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
};

const readV1 = (bytes: Buffer): ReadHeader => {
  const end = bytes.subarray(0, MAX_BYTES_V1).indexOf('\r\n');
  if (end === -1) return bytes.length < MAX_BYTES_V1 ? 'more' : 'bad';
  const length = end + 2;
  const [, family, ...rest] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { version: 1, length, addresses: null };
  const size = family === 'TCP4' ? 4 : family === 'TCP6' ? 16 : 0;
  const [from = '', to = '', fromPort = '', toPort = ''] = rest;
  if (rest.length !== 4 || parseIp(from)?.length !== size || parseIp(to)?.length !== size) return 'bad';
  const source = endpoint(from, fromPort);
  const destination = endpoint(to, toPort);
  return source === null || destination === null ? 'bad' : { version: 1, length, addresses: { source, destination } };
};

const endpoint = (address: string, text: string): Endpoint | null => {
  const port = Number(text);
  return /^(0|[1-9]\d{0,4})$/.test(text) && port <= 0xffff ? { address, port } : null;
};

/** Upper half the version, lower half the command. */
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

const readV2 = (bytes: Buffer): ReadHeader => {
  if (bytes.length < PREFIX_BYTES_V2) {
    // The version can be told before the rest is there.
    return bytes.length > 12 && !isCommand(bytes[12] as number) ? 'bad' : 'more';
  }
  const command = bytes[12] as number;
  const family = bytes[13] as number;
  const size = bytes.readUInt16BE(14);
  const length = PREFIX_BYTES_V2 + size;
  if (!isCommand(command)) return 'bad';
  const addressBytes = command === LOCAL ? 0 : bytesOf(family);
  if (addressBytes === null || size < addressBytes) return 'bad';
  if (bytes.length < length) return 'more';
  if (addressBytes === 0) return { version: 2, length, addresses: null };
  const half = (addressBytes - 4) / 2;
  const at = PREFIX_BYTES_V2;
  const text = family === TCP4 ? ipv4 : ipv6;
  return {
    version: 2,
    length,
    addresses: {
      source: { address: text(bytes, at), port: bytes.readUInt16BE(at + 2 * half) },
      destination: { address: text(bytes, at + half), port: bytes.readUInt16BE(at + 2 * half + 2) },
    },
  };
};

const isCommand = (byte: number): boolean => byte === LOCAL || byte === PROXY;

/** Null: no family of a TCP connection; datagrams and sockets of the file system have none that a policy could know. */
const bytesOf = (family: number): number | null => {
  if (family === 0) return 0;
  if (family === TCP4) return 12;
  return family === TCP6 ? 36 : null;
};

const ipv4 = (bytes: Buffer, at: number): string => bytes.subarray(at, at + 4).join('.');

/** RFC 5952: the longest run of zeros left out; an IPv4 address inside is written as such. */
const ipv6 = (bytes: Buffer, at: number): string => {
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) return ipv4(bytes, at + 12);
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
  }
  const hex = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  if (best.start === -1) return hex(words);
  return `${hex(words.slice(0, best.start))}::${hex(words.slice(best.start + best.length))}`;
};
