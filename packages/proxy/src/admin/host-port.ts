import { isIPv4 } from 'node:net';
import { WeftError } from '@weft/base/errors';

/** `127.0.0.1:15000`, `[::1]:15000`. Throws WeftError `usage`, naming what the address is for. */
export const parseHostPort = (address: string, purpose: string): { readonly host: string; readonly port: number } => {
  const m = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(m?.[3]);
  if (!m || port > 65_535)
    throw new WeftError('usage', `${purpose} address ${JSON.stringify(address)} is not HOST:PORT`);
  return { host: (m[1] ?? m[2]) as string, port };
};

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
