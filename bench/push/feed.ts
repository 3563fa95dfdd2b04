// The resources that weft's control plane makes of a scene, in files, for a server that someone else wrote.
import { writeFileSync } from 'node:fs';
import { type LoadResult, loadObjects, type ObjectEvent } from '@weft/model/load';
import { type ResourceSet, translateParts } from '@weft/translate/translate';
import { readAny } from '@weft/xds/codec/delta-response';
import { encodeResource } from '@weft/xds/resource';
import { typeUrls } from '@weft/xds-api/type-urls';
import { nodeIdOf } from './scene.ts';
import type { ClientPod } from './scene.ts';

/** Remembers what was written: only lists that are new, and nodes whose lists are others, are written again. */
export class Feed {
  readonly #pods: readonly ClientPod[];
  readonly #vhds: boolean;
  readonly #ids = new WeakMap<readonly object[], number>();
  readonly #nodes = new Map<string, string>();
  #load: LoadResult | undefined;
  #lists = 0;

  constructor(pods: readonly ClientPod[], vhds: boolean) {
    this.#pods = pods;
    this.#vhds = vhds;
  }

  write(file: string, events: readonly ObjectEvent[]): void {
    this.#load = loadObjects(events, this.#load);
    const { mesh } = this.#load;
    const lists: object[] = [];
    const nodes: object[] = [];
    for (const client of this.#pods) {
      const pod = mesh.pods.get(`${client.namespace}/${client.name}`);
      if (!pod) throw new Error(`no pod ${client.name}`);
      const { shared, own } = translateParts(mesh, { pod, dataPlane: 'weft', vhds: this.#vhds, bindAddress: pod.ip });
      const ids = [...this.#idsOf(shared, lists), ...this.#idsOf(own, lists)];
      const id = nodeIdOf(client);
      if (this.#nodes.get(id) === ids.join()) continue;
      this.#nodes.set(id, ids.join());
      nodes.push({ ID: id, Lists: ids });
    }
    writeFileSync(file, JSON.stringify({ Lists: lists, Nodes: nodes }));
  }

  #idsOf(set: ResourceSet, lists: object[]): number[] {
    const ids: number[] = [];
    for (const [typeUrl, list] of listsOf(set)) {
      if (list.length === 0) continue;
      let id = this.#ids.get(list);
      if (id === undefined) {
        this.#ids.set(list, (id = ++this.#lists));
        lists.push({ ID: id, TypeURL: typeUrl, Resources: list.map((json) => encoded(typeUrl, json)) });
      }
      ids.push(id);
    }
    return ids;
  }
}

const listsOf = (set: ResourceSet): [string, readonly object[]][] => [
  [typeUrls.cluster, set.clusters],
  [typeUrls.clusterLoadAssignment, set.endpoints],
  [typeUrls.listener, set.listeners],
  [typeUrls.routeConfiguration, set.routes],
  [typeUrls.virtualHost, set.virtualHosts],
];

const encoded = (typeUrl: string, json: object): object => {
  const { name, version, bytes } = encodeResource(typeUrl, json);
  return { Name: name, Version: version, Bytes: Buffer.from(readAny(bytes).value).toString('base64') };
};
