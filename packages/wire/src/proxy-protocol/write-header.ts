import { type Endpoint, SIGNATURE_V2 } from './header.ts';
import { parseIp } from './ip-address.ts';

/**
 * A header for a connection on behalf of another. Null for either end, or what is no address: nobody's (UNKNOWN, LOCAL),
 * as for a check of health. Addresses of two families are written as IPv6.
 */
export const writeProxyHeader = (version: 1 | 2, source: Endpoint | null, destination: Endpoint | null): Buffer => {
  const from = source === null ? null : parseIp(source.address);
  const to = destination === null ? null : parseIp(destination.address);
  if (source === null || destination === null || from === null || to === null)
    return version === 1 ? Buffer.from('PROXY UNKNOWN\r\n') : local;
  const four = from.length === 4 && to.length === 4;
  if (version === 1) return writeV1(four, source, destination);
  const addresses = four ? [...from, ...to] : [...mapped(from), ...mapped(to)];
  const ports = [source.port >> 8, source.port & 255, destination.port >> 8, destination.port & 255];
  return Buffer.concat([
    prefixV2(0x21, four ? 0x11 : 0x21, addresses.length + 4),
    Buffer.from([...addresses, ...ports]),
  ]);
};

const writeV1 = (four: boolean, source: Endpoint, destination: Endpoint): Buffer => {
  const text = (address: string): string => (four || address.includes(':') ? address : `::ffff:${address}`);
  const addresses = `${text(source.address)} ${text(destination.address)}`;
  return Buffer.from(`PROXY ${four ? 'TCP4' : 'TCP6'} ${addresses} ${source.port} ${destination.port}\r\n`, 'latin1');
};

const mapped = (address: readonly number[]): readonly number[] =>
  address.length === 16 ? address : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address];

/** `size` of what follows. */
const prefixV2 = (command: number, family: number, size: number): Buffer =>
  Buffer.concat([SIGNATURE_V2, Buffer.from([command, family, size >> 8, size & 255])]);

const local = prefixV2(0x20, 0, 0);
