import type { EncodedResource } from '../resource.ts';

type Written = Partial<Pick<EncodedResource, 'sotw' | 'delta'>>;

interface Body {
  readonly resources: readonly Written[];
  readonly bytes: Uint8Array;
}

/** Clients that are told the same at about the same time number few different things. */
const KEPT = 32;

/**
 * The resources of responses, joined. Clients that are told the same are written the very same bytes, so a thousand
 * that come at once do not need a thousand copies. Of the last few only, as it does no harm to join again.
 */
export class ResponseBodies {
  readonly #form: 'sotw' | 'delta';
  readonly #recent: Body[] = [];
  #next = 0;

  constructor(form: 'sotw' | 'delta') {
    this.#form = form;
  }

  bytesOf(resources: readonly Written[]): Uint8Array {
    if (resources.length === 0) return EMPTY;
    if (resources.length === 1) return resources[0]?.[this.#form] ?? EMPTY;
    for (const body of this.#recent) if (sameItems(body.resources, resources)) return body.bytes;
    const parts: Uint8Array[] = [];
    for (const resource of resources) {
      const bytes = resource[this.#form];
      if (bytes) parts.push(bytes);
    }
    const bytes = Buffer.concat(parts);
    this.#recent[this.#next] = { resources, bytes };
    this.#next = (this.#next + 1) % KEPT;
    return bytes;
  }
}

const EMPTY = new Uint8Array(0);

const sameItems = (a: readonly object[], b: readonly object[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
