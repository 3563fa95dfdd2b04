/**
 * The last accepted xDS resources in a file, as they came:
 *
 *     {"format":1,"node":…,"sha256":…,"resources":[[type URL, name, version, updated ms, bytes], …]}\n
 *     bytes of the first resource | of the second | …
 */
import { hash } from 'node:crypto';
import type { RestoredResource } from '@weft/xds/client/ads-client';

const FORMAT = 1;
const NEWLINE = 0x0a;

export interface KeptConfiguration {
  /** By type URL, in the order in which they were given. */
  readonly resources: ReadonlyMap<string, readonly RestoredResource[]>;
}

interface Header {
  readonly format: number;
  readonly node: string;
  readonly sha256: string;
  readonly resources: readonly (readonly [string, string, string, number, number])[];
}

export const writeConfiguration = (node: string, { resources }: KeptConfiguration): (string | Uint8Array)[] => {
  const rows: Header['resources'][number][] = [];
  const parts: Uint8Array[] = [];
  for (const [typeUrl, all] of resources) {
    for (const { name, version, updatedMs, bytes } of all) {
      rows.push([typeUrl, name, version, updatedMs, bytes.length]);
      parts.push(bytes);
    }
  }
  const body = Buffer.concat(parts);
  const header: Header = { format: FORMAT, node, sha256: digest(rows, body), resources: rows };
  return [`${JSON.stringify(header)}\n`, body];
};

/** Throws, with the reason, for a file that was not written by this program, for this node, as a whole. */
export const readConfiguration = (file: Buffer, node: string): KeptConfiguration => {
  const end = file.indexOf(NEWLINE);
  if (end === -1) throw new Error('it has no header');
  const header = JSON.parse(file.toString('utf8', 0, end)) as Partial<Header>;
  const body = file.subarray(end + 1);
  if (header.format !== FORMAT || !Array.isArray(header.resources)) throw new Error('its format is unknown');
  if (header.node !== node) throw new Error(`it is of another node, ${String(header.node)}`);
  if (header.sha256 !== digest(header.resources, body)) throw new Error('its checksum is wrong');
  const resources = new Map<string, RestoredResource[]>();
  let at = 0;
  for (const [typeUrl, name, version, updatedMs, length] of header.resources as Header['resources']) {
    const bytes = body.subarray(at, (at += length));
    let ofType = resources.get(typeUrl);
    if (!ofType) resources.set(typeUrl, (ofType = []));
    ofType.push({ name, version, updatedMs, bytes });
  }
  return { resources };
};

const digest = (rows: Header['resources'], body: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(JSON.stringify(rows)), body]), 'hex');
