import { networkInterfaces } from 'node:os';
import { CidrRange } from '@weft/traffic/cidr';

/**
 * What no request leaves the mesh for, whatever name led there: addresses of this link (a cloud's metadata service,
 * 169.254.169.254, gives out credentials), of no host, and of many hosts.
 */
const RANGES: readonly CidrRange[] = [
  ['169.254.0.0', 16],
  ['0.0.0.0', 8],
  ['224.0.0.0', 3],
  ['fe80::', 10],
  ['::', 128],
  ['ff00::', 8],
].map(([address, bits]) => CidrRange.parse(address as string, bits as number) as CidrRange);

/** An address and port of the proxy itself. */
export interface OwnAddress {
  readonly address: string;
  readonly port: number;
}

/** Whether a connection from here to there is refused: by the ranges above, or as it would come back to this proxy. */
export const isRefused = (address: string, port: number, own: Iterable<OwnAddress>): boolean => {
  if (RANGES.some((range) => range.contains(address))) return true;
  for (const mine of own) {
    if (mine.port !== port) continue;
    if (mine.address === address || plain(address) === mine.address) return true;
    if ((mine.address === '0.0.0.0' || mine.address === '::') && isLocal(plain(address))) return true;
  }
  return false;
};

const plain = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address);

const isLocal = (address: string): boolean =>
  address.startsWith('127.') ||
  address === '::1' ||
  Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
