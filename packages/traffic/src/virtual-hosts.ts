/**
 * Finds the virtual host of an authority as Envoy does: the exact domain, then the longest `*.suffix`, then the longest
 * `prefix.*`, then `*`. Domains are compared in lower case; a wildcard stands for at least one character.
 *
 *     exact     Map  a.com → V1   b.com:80 → V2
 *     suffixes  longest first: [8 Map  .b.a.com → V3] [6 Map  .a.com → V4, .c.com → V5]
 *
 * A host that is known exactly costs one map look-up. Only one that is not, in a table with wildcards, is sliced: once
 * for each different length of a wildcard.
 */
export class VirtualHosts<V> {
  readonly #exact = new Map<string, V>();
  readonly #suffixes: { readonly length: number; readonly hosts: Map<string, V> }[] = [];
  readonly #prefixes: { readonly length: number; readonly hosts: Map<string, V> }[] = [];
  #default: V | null = null;
  readonly #ignorePort: boolean;

  constructor(ignorePort: boolean) {
    this.#ignorePort = ignorePort;
  }

  /** False if the domain is taken already. */
  add(domain: string, host: V): boolean {
    const name = domain.toLowerCase();
    if (name === '*') {
      if (this.#default !== null) return false;
      this.#default = host;
      return true;
    }
    if (name.startsWith('*')) return insert(this.#byLength(this.#suffixes, name.length - 1), name.slice(1), host);
    if (name.endsWith('*')) return insert(this.#byLength(this.#prefixes, name.length - 1), name.slice(0, -1), host);
    return insert(this.#exact, name, host);
  }

  /** `authority` is lower case. */
  find(authority: string): V | null {
    const host = this.#ignorePort ? withoutPort(authority) : authority;
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    for (let i = 0; i < this.#suffixes.length; i++) {
      const { length, hosts } = this.#suffixes[i] as { length: number; hosts: Map<string, V> };
      if (host.length <= length) continue;
      const found = hosts.get(host.slice(host.length - length));
      if (found !== undefined) return found;
    }
    for (let i = 0; i < this.#prefixes.length; i++) {
      const { length, hosts } = this.#prefixes[i] as { length: number; hosts: Map<string, V> };
      if (host.length <= length) continue;
      const found = hosts.get(host.slice(0, length));
      if (found !== undefined) return found;
    }
    return this.#default;
  }

  #byLength(list: { readonly length: number; readonly hosts: Map<string, V> }[], length: number): Map<string, V> {
    let bucket = list.find((b) => b.length === length);
    if (!bucket) {
      bucket = { length, hosts: new Map() };
      list.push(bucket);
      list.sort((a, b) => b.length - a.length);
    }
    return bucket.hosts;
  }
}

const insert = <V>(map: Map<string, V>, name: string, host: V): boolean => {
  if (map.has(name)) return false;
  map.set(name, host);
  return true;
};

/** `a.com:80` → `a.com`, `[::1]:80` → `[::1]`; a colon that is not before digits to the end is part of the host. */
export const withoutPort = (authority: string): string => {
  const colon = authority.lastIndexOf(':');
  if (colon === -1 || authority.endsWith(']')) return authority;
  for (let i = colon + 1; i < authority.length; i++) {
    const c = authority.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return authority;
  }
  return authority.slice(0, colon);
};
