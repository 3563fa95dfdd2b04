import { lookup, Resolver } from 'node:dns/promises';
import { readFileSync, statSync } from 'node:fs';

/** What a name stands for. */
export interface Resolution {
  /** IPv4 first. Not empty. */
  readonly addresses: readonly string[];
  /** How long the answer may be used. */
  readonly ttlMs: number;
}

/** Rejects if the name has no address or nobody could be asked. */
export type NameResolver = (name: string) => Promise<Resolution>;

const HOSTS_FILE = '/etc/hosts';
/** Answers that come without a time: of the hosts file and of the system's own resolver. */
const UNTIMED_MS = 5000;
/** Two tries make Envoy's `dns_query_timeout` of 5 s. */
const QUERY = { timeout: 2500, tries: 2 };
/** Nobody could be asked; other errors are answers. */
const UNASKED = new Set(['ECONNREFUSED', 'ETIMEOUT', 'ESERVFAIL', 'EREFUSED', 'ENOTIMP', 'EBADRESP']);

/**
 * As the system would, in this order: the hosts file; the name servers, whose answers have a TTL; what else the system
 * knows (search domains, mDNS) for names without a dot, or where no name server answers.
 */
export const systemNameResolver = (): NameResolver => {
  const resolver = new Resolver(QUERY);
  return async (name) => {
    const fixed = hostsFile().get(name);
    if (fixed) return { addresses: fixed, ttlMs: UNTIMED_MS };
    try {
      return await ask(resolver, name);
    } catch (error) {
      if (name.includes('.') && !UNASKED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    const found = await lookup(name, { all: true, order: 'ipv4first' });
    return { addresses: found.map(({ address }) => address), ttlMs: UNTIMED_MS };
  };
};

const ask = async (resolver: Resolver, name: string): Promise<Resolution> => {
  const answers = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length === 0) {
    const [first] = answers;
    throw first.status === 'rejected' ? first.reason : new Error(`${name} has no address`);
  }
  return {
    addresses: records.map(({ address }) => address),
    ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000,
  };
};

let hosts: ReadonlyMap<string, readonly string[]> = new Map();
let hostsReadMs = -1;

/** Read again when it has changed. */
const hostsFile = (): ReadonlyMap<string, readonly string[]> => {
  try {
    const { mtimeMs } = statSync(HOSTS_FILE);
    if (mtimeMs !== hostsReadMs) {
      hosts = parseHosts(readFileSync(HOSTS_FILE, 'utf8'));
      hostsReadMs = mtimeMs;
    }
  } catch {
    hosts = new Map();
    hostsReadMs = -1;
  }
  return hosts;
};

/** `ADDRESS NAME…` a line, `#` begins a comment. Names in lower case, IPv4 addresses first. */
export const parseHosts = (text: string): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (!address) continue;
    for (const name of names) {
      const addresses = found.get(name.toLowerCase()) ?? [];
      found.set(name.toLowerCase(), address.includes(':') ? [...addresses, address] : [address, ...addresses]);
    }
  }
  return found;
};
